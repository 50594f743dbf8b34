"""``prefix-cache-affinity-filter``: prompts stay where most of them is cached, unless these endpoints have too much to
do."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Literal

import msgspec

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Gate, Parameters

if TYPE_CHECKING:
    from modelyard.picking.memory import Memory


class PrefixCacheAffinityParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``prefix-cache-affinity-filter``."""

    affinity_threshold: float = 0.8
    """Share of the prompt, in tokens of whole blocks, from which on an endpoint counts as having it. 0: no filter."""
    max_ttft_penalty_ms: float = msgspec.field(name="maxTTFTPenaltyMs", default=18_000.0)
    """Milliseconds that the best of these endpoints may take longer to its first token than the best of the others;
    beyond, all stay. 0: no limit."""
    peak_prefill_throughput: float = 15_928.0
    """Prompt tokens per second that an endpoint computes; the time to a first token is taken to be the open prompt
    tokens divided by it. The ecosystem's default, measured there for a 32B model on two H100."""
    exploration_probability: float = 0.0
    """Share of the requests for which all endpoints stay, evenly spread over them."""
    ttft_source: Literal["prefillThroughput"] = "prefillThroughput"
    """A latency predictor is not implemented."""
    prefix_match_info_producer_name: str = ""
    """The ``approx-prefix-cache-producer`` to read; empty: the only one there is."""
    in_flight_load_producer_name: str = ""
    """Which producer counts open requests; there is one."""

    def __post_init__(self) -> None:
        for name, value, most in (
            ("affinityThreshold", self.affinity_threshold, 1.0),
            ("explorationProbability", self.exploration_probability, 1.0),
        ):
            if not 0.0 <= value <= most:
                raise ValueError(f"{name} must be 0 to 1")
        if not (isfinite(self.max_ttft_penalty_ms) and self.max_ttft_penalty_ms >= 0.0):
            raise ValueError("maxTTFTPenaltyMs must not be negative")
        if not (isfinite(self.peak_prefill_throughput) and self.peak_prefill_throughput > 0.0):
            raise ValueError("peakPrefillThroughput must be more than 0")


class PrefixCacheAffinityFilter(Gate[PrefixCacheAffinityParameters]):
    """Leaves the endpoints that have the prompt cached; all, where none has it, or where every one that has it would
    take longer to the first token than another one by more than the limit."""

    type = "prefix-cache-affinity-filter"
    Parameters = PrefixCacheAffinityParameters
    reads_prefixes = True

    def __init__(self, parameters: PrefixCacheAffinityParameters, memory: Memory) -> None:
        super().__init__(parameters, memory)
        self._requests = 0
        self._penalty_tokens = parameters.max_ttft_penalty_ms / 1000.0 * parameters.peak_prefill_throughput

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        holders = [] if self._explores() else self._holders(candidates, request)
        if not holders or len(holders) == len(candidates):
            return candidates
        if self._penalty_tokens:
            having = {candidate.slot for candidate in holders}
            least = min(candidate.tokens for candidate in holders)
            others = min(candidate.tokens for candidate in candidates if candidate.slot not in having)
            if least - others > self._penalty_tokens:
                return candidates
        return holders

    def started(self, candidate: Candidate, request: PickRequest, now: float) -> None:
        self._requests += 1

    def _explores(self) -> bool:
        """Whether the next request is one of those: their number grows by the share at each."""
        share = self.parameters.exploration_probability
        return int((self._requests + 1) * share) > int(self._requests * share)

    def _holders(self, candidates: Sequence[Candidate], request: PickRequest) -> list[Candidate]:
        threshold = self.parameters.affinity_threshold
        prefixes = self.memory.prefixes
        chain = prefixes.chain(request.target_model, request.prompt)
        if not chain or not threshold:
            return []
        least = threshold * prefixes.tokens(len(chain))
        slots: set[int] = set()
        for depth, held_by in prefixes.groups(chain):
            if prefixes.tokens(depth) < least:
                break
            slots.update(held_by)
        return [candidate for candidate in candidates if candidate.slot in slots]
