"""What policies take, timed beside the requests: one policy of a pool in turn, over all of its ready endpoints.

A pick does most of this not at all, since points are kept from one pick to the next; clocks around what is left would
cost it more than they tell. What is timed here is what the policy means, as ``explain`` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from modelyard.picking.board import FlatBoard
from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter
from modelyard.picking.view import no_slots

if TYPE_CHECKING:
    import random

    from modelyard.picking.profile import Profile
    from modelyard.picking.roster import Roster

Run = Callable[[], object]


class PolicyTime(NamedTuple):
    """One run of one policy."""

    point: str
    """``Filter``, ``Scorer`` or ``Picker``: where the policy is used, in the original's words."""
    type: str
    name: str
    seconds: float


def policy_time(
    profiles: Sequence[Profile],
    roster: Roster,
    request: PickRequest,
    turn: int,
    clock: Callable[[], float],
    rng: random.Random,
) -> PolicyTime | None:
    """Run the policy whose ``turn`` it is (modulo their number); None: no endpoint is ready."""
    if not roster.ready:
        return None
    runs = [run for profile in profiles for run in _runs(profile, roster, request, rng)]
    point, type_, name, run = runs[turn % len(runs)]
    began = clock()
    run()
    return PolicyTime(point, type_, name, clock() - began)


def _runs(
    profile: Profile, roster: Roster, request: PickRequest, rng: random.Random
) -> Iterator[tuple[str, str, str, Run]]:
    ready = roster.ready
    for name, policy in profile.filters:
        yield "Filter", policy.type, name, partial(_keep, policy, ready, request)
    for plugin, scorer in profile.scorers:
        yield "Scorer", scorer.type, plugin.name, partial(scorer.score, ready, request)
    picker = profile.picker
    count = picker.parameters.max_num_of_endpoints
    yield "Picker", picker.type, profile.picker_name, partial(picker.pick, FlatBoard(_totals(roster)), count, rng)


def _keep(policy: Filter[Any], candidates: Sequence[Candidate], request: PickRequest) -> object:
    return list(policy.keep(candidates, request))


def _totals(roster: Roster) -> list[int]:
    totals = no_slots(len(roster.slots))
    for candidate in roster.ready:
        totals[candidate.slot] = candidate.slot
    return totals
