"""The scheduler of one pool in one worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendFleet
from modelyard.picking import reference
from modelyard.picking.contract import Decision, NoEndpoint, PickRequest
from modelyard.picking.memory import Memory
from modelyard.picking.model_loads import loads_of_model
from modelyard.picking.policy import Policy
from modelyard.picking.policy_times import PolicyTime, policy_time
from modelyard.picking.prefix_index import PrefixIndex
from modelyard.picking.profile import Profile
from modelyard.picking.profile_choice import ProfileChoice
from modelyard.picking.roster import OwnRequests, Roster
from modelyard.picking.session_affinity import SessionParameters
from modelyard.picking.settings import SchedulerConfig
from modelyard.picking.targets import Targets
from modelyard.picking.view import View

if TYPE_CHECKING:
    import random


class Scheduler:
    """Built once per configuration; survives fleet changes. Not safe for use from several threads."""

    def __init__(self, config: SchedulerConfig, rng: random.Random) -> None:
        self.config = config
        self._rng = rng
        self._roster = Roster()
        self._memory = Memory(PrefixIndex(config.prefix))
        self._profiles = [Profile(profile, self._memory) for profile in config.profiles]
        self._only = self._profiles[0] if config.profile_header is None else None
        self._choice = ProfileChoice(config, self._profiles)
        policies = [policy for profile in self._profiles for policy in profile.policies()]
        self._watching = [policy for policy in policies if type(policy).started is not Policy.started]
        self._forgetting = [policy for policy in policies if type(policy).forget is not Policy.forget]
        self._keeps_prefixes = any(policy.reads_prefixes for policy in policies)
        self.in_flight: Mapping[str, int] = OwnRequests(self._roster)
        """Own open requests by address, where there are any; a live view. Those of endpoints that left are kept."""
        self.session_header = next(
            (policy.parameters.token_header for policy in policies if isinstance(policy.parameters, SessionParameters)),
            "",
        )
        """Header that answers should carry with ``session_token(endpoint)``; empty: none, no policy reads it."""
        self._fleet: BackendFleet | None = None
        self._now = 0.0
        self._turn = 0

    def update(self, fleet: BackendFleet, now: float) -> None:
        """Take a new picture of the endpoints. The same one again costs nothing."""
        known = self._fleet
        if fleet is known or (
            known is not None and fleet.version == known.version and fleet.endpoints == known.endpoints
        ):
            return
        self._fleet = fleet
        for candidate in self._roster.update(fleet, now):
            self._memory.prefixes.forget(candidate.slot)
            for policy in self._forgetting:
                policy.forget(candidate)
        self._measure()

    def pick(
        self,
        request: PickRequest,
        now: float,
        *,
        subset: Collection[str] | None = None,
        exclude: Collection[str] = (),
        explain: bool = False,
        count: int = 1,
    ) -> Decision:
        """Choose endpoints for ``request``: the primary and its fallbacks. Counts nothing: ``started`` does.

        ``count``: so many are picked at once, which costs less than one after the other; 1: the fallbacks when they are
        looked at.
        ``subset``: addresses that alone may be chosen (scores are relative to them). ``exclude``: addresses that may
        not, because they failed (scores stay relative to all). ``explain``: also say why, at the cost of scoring every
        candidate. Raises NoEndpoint, and UnknownProfile where a header names a profile that there is none of.
        """
        self._now = now
        if now > self._roster.stale_at:
            self._roster.refresh(now)
            self._measure()
        profile = self._only or self._choice.of(request)
        view = profile.view(request, subset)
        if not view.candidates:
            raise NoEndpoint(self._nothing(view))
        if self._roster.by_model:
            with loads_of_model(self._roster.ready, request.base_model or request.target_model):
                decision = reference.decide(profile, self._roster, request, subset, exclude, self._rng)
            return decision if explain else Decision(decision.targets)
        if explain:
            return reference.decide(profile, self._roster, request, subset, exclude, self._rng)
        if count > 1:
            count = min(count, profile.picker.parameters.max_num_of_endpoints)
        slots = profile.choose(request, view, exclude, self._roster.by_address, count, self._rng)
        if not slots:
            raise NoEndpoint("every endpoint is excluded or at its limit")
        candidates = self._roster.slots
        if count > 1 and len(slots) == min(count, len(view.candidates)):
            return Decision([candidates[slot].endpoint for slot in slots])
        primary = candidates[slots[0]].endpoint
        return Decision(Targets(primary, lambda: self._fallbacks(request, subset, (*exclude, primary.address))))

    def _fallbacks(
        self, request: PickRequest, subset: Collection[str] | None, exclude: Collection[str]
    ) -> list[Endpoint]:
        """What else the picker would answer, as of now."""
        profile = self._only or self._choice.of(request)
        count = profile.picker.parameters.max_num_of_endpoints - 1
        view = profile.view(request, subset)
        slots = profile.choose(request, view, exclude, self._roster.by_address, count, self._rng) if count else ()
        return [self._roster.slots[slot].endpoint for slot in slots]

    @property
    def prefixes_kept(self) -> int:
        """Entries of the prefix index."""
        return len(self._memory.prefixes)

    def take_prefix_matches(self) -> Mapping[tuple[int, int], int]:
        """``PrefixIndex.take_matches``."""
        return self._memory.prefixes.take_matches()

    def time_policy(self, clock: Callable[[], float]) -> PolicyTime | None:
        """What one policy takes for a request like the last one with a prefix, the next policy with each call; None: no
        endpoint is ready. Nothing is picked or counted."""
        self._turn += 1
        model, prompt = self._memory.prefixes.last
        request = PickRequest(model, model, prompt, headers={})
        return policy_time(self._profiles, self._roster, request, self._turn, clock, self._rng)

    def started(self, address: str, request: PickRequest | None = None) -> int:
        """A request was sent to ``address``: in-flight + 1, its prefix is recorded. How many blocks of it the endpoint
        was not known to hold before."""
        candidate = self._roster.by_address.get(address)
        if candidate is None:
            self._roster.start_departed(address)
            return 0
        candidate.start(self._now, 0 if request is None else request.prompt_tokens)
        new_blocks = 0
        if request is not None:
            for policy in self._watching:
                policy.started(candidate, request, self._now)
            if self._keeps_prefixes and request.prompt:
                prefixes = self._memory.prefixes
                chain = prefixes.chain(request.target_model, request.prompt)
                new_blocks = prefixes.record(candidate.slot, chain)
        if candidate.unseen > self._memory.busiest:
            self._measure_counts()
        else:
            for profile in self._profiles:
                profile.changed(candidate)
        return new_blocks

    def moved(self, address: str, served: str, request: PickRequest, new_blocks: int) -> None:
        """A request that was sent to ``address`` was served at ``served``: its count and its prefix go there.
        ``new_blocks``: what ``started`` answered; the endpoint that did not serve it does not hold these."""
        self.finished(address, request.prompt_tokens)
        candidate = self._roster.by_address.get(address)
        if candidate is not None and new_blocks:
            prefixes = self._memory.prefixes
            chain = prefixes.chain(request.target_model, request.prompt)
            prefixes.retract(candidate.slot, chain[-new_blocks:])
        self.started(served, request)

    def finished(self, address: str, prompt_tokens: int = 0) -> None:
        """It ended: in-flight - 1, never below 0. ``prompt_tokens`` as the request had."""
        candidate = self._roster.by_address.get(address)
        if candidate is None:
            self._roster.finish_departed(address)
            return
        candidate.finish(prompt_tokens)
        for profile in self._profiles:
            profile.changed(candidate)

    def _measure(self) -> None:
        """The roster changed."""
        slots = self._roster.slots
        self._memory.busiest = 1
        self._set_busiest()
        for profile in self._profiles:
            profile.new_fleet(self._roster.ready, slots)

    def _measure_counts(self) -> None:
        """Some endpoint is busier than the busiest was."""
        self._set_busiest()
        for profile in self._profiles:
            profile.rescale(self._roster.slots)

    def _set_busiest(self) -> None:
        most = max((candidate.unseen for candidate in self._roster.by_address.values()), default=0)
        self._memory.busiest = 1 << max(0, most - 1).bit_length()

    def _nothing(self, view: View) -> str:
        return view.nothing if self._roster.size else "the pool has no endpoint"
