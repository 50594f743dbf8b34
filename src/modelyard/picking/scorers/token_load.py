"""``token-load-scorer``: the fewer prompt tokens are open at the endpoint, the better."""

from __future__ import annotations

from modelyard.picking.candidate import Candidate
from modelyard.picking.policy import InFlightScorer, Parameters


class TokenLoadParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``token-load-scorer``."""

    queue_threshold_tokens: int = 4_194_304
    """Open prompt tokens that score 0: the ecosystem's default, 128 requests of 32k tokens."""

    def __post_init__(self) -> None:
        if self.queue_threshold_tokens < 1:
            raise ValueError("queueThresholdTokens must be at least 1")


class TokenLoadScorer(InFlightScorer[TokenLoadParameters]):
    """1 - min(1, open prompt tokens / threshold), counting this worker's own requests."""

    type = "token-load-scorer"
    Parameters = TokenLoadParameters

    def level(self, candidate: Candidate) -> float:
        return 1.0 - min(1.0, candidate.tokens / self.parameters.queue_threshold_tokens)
