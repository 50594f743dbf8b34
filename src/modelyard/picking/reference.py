"""A pick made plainly, every candidate scored by every policy: for ``explain``, and the fast path's measure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from modelyard.picking.board import FlatBoard
from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import CandidateWhy, Decision, NoEndpoint, PickRequest, PolicyScore, Why
from modelyard.picking.points import POINT, clamp, known, points
from modelyard.picking.view import no_slots

if TYPE_CHECKING:
    import random

    from modelyard.picking.profile import Profile
    from modelyard.picking.roster import Roster

Dropped = dict[int, str]
"""Slot -> what took it out."""


def decide(
    profile: Profile,
    roster: Roster,
    request: PickRequest,
    subset: Collection[str] | None,
    exclude: Collection[str],
    rng: random.Random,
) -> Decision:
    """The pick, with reasons. Raises NoEndpoint."""
    dropped: Dropped = {}
    candidates = _candidates(profile, roster, request, subset, dropped)
    scores = score_all(profile, candidates, request)
    totals = no_slots(len(roster.slots))
    for candidate in _open(profile, candidates, request, exclude, dropped):
        totals[candidate.slot] = total(scores[candidate.slot])
    chosen = profile.picker.pick(FlatBoard(totals), profile.picker.parameters.max_num_of_endpoints, rng)
    if not chosen:
        raise NoEndpoint("every endpoint is excluded or at its limit")
    by_slot = {candidate.slot: candidate for candidate in candidates}
    whys = [
        CandidateWhy(
            candidate.endpoint,
            scores.get(candidate.slot, ()),
            total(scores.get(candidate.slot, ())) / POINT,
            dropped.get(candidate.slot, ""),
        )
        for candidate in roster.by_address.values()
    ]
    why = Why(profile.name, profile.picker_name, tuple(whys))
    return Decision([by_slot[slot].endpoint for slot in chosen], why)


def score_all(
    profile: Profile, candidates: Sequence[Candidate], request: PickRequest
) -> dict[int, tuple[PolicyScore, ...]]:
    """Each policy's score of each candidate, by slot."""
    columns = [(plugin, known(scorer.score(candidates, request))) for plugin, scorer in profile.scorers]
    return {
        candidate.slot: tuple(PolicyScore(plugin.name, plugin.weight, clamp(column[row])) for plugin, column in columns)
        for row, candidate in enumerate(candidates)
    }


def total(scores: Sequence[PolicyScore]) -> int:
    """Points of one candidate."""
    return sum(points(score.weight, score.score) for score in scores)


def _candidates(
    profile: Profile,
    roster: Roster,
    request: PickRequest,
    subset: Collection[str] | None,
    dropped: Dropped,
) -> Sequence[Candidate]:
    """What scores are relative to: ready endpoints that the subset and the filters leave."""
    everyone = list(roster.by_address.values())
    left: Sequence[Candidate] = roster.ready
    _note(dropped, everyone, left, "not ready")
    if subset is not None:
        kept = [candidate for candidate in left if candidate.endpoint.address in subset]
        _note(dropped, left, kept, "not in the subset asked for")
        left = kept
    for name, policy in profile.plain_filters:
        kept = list(policy.keep(left, request))
        _note(dropped, left, kept, name)
        left = kept
    return left


def _open(
    profile: Profile,
    candidates: Sequence[Candidate],
    request: PickRequest,
    exclude: Collection[str],
    dropped: Dropped,
) -> Sequence[Candidate]:
    """Candidates that may be chosen now."""
    left: Sequence[Candidate] = [candidate for candidate in candidates if candidate.endpoint.address not in exclude]
    _note(dropped, candidates, left, "excluded: failed just now, or tried for this request")
    for name, policy in (*profile.gates, *profile.pins):
        kept = policy.keep(left, request)
        _note(dropped, left, kept, name)
        left = kept
    return left


def _note(dropped: Dropped, before: Sequence[Candidate], after: Sequence[Candidate], reason: str) -> None:
    kept = {candidate.slot for candidate in after}
    for candidate in before:
        if candidate.slot not in kept:
            dropped.setdefault(candidate.slot, reason)
