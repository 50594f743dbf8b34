"""One scheduling profile at work: filters, scorers and a picker, run so that a pick costs little.

Points that depend on the fleet alone are summed once per fleet version and kept in a ``View``; those of own open
requests change one slot at a time; a request itself only adds what its sparse scorers name. See ``policy`` for the
kinds of scorers and ``ranking`` for how the best total is found in a large pool.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.picking.board import BlockBoard, FlatBoard, best_of
from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.groups import FEW, Groups, raise_slots
from modelyard.picking.large_pool import large_board
from modelyard.picking.memory import Memory
from modelyard.picking.points import NEVER, POINT, add_points, clamp
from modelyard.picking.policy import (
    Filter,
    FleetScorer,
    Gate,
    InFlightScorer,
    KeyedScorer,
    Pin,
    Policy,
    RequestScorer,
    Scorer,
    SparseScorer,
)
from modelyard.picking.ranking import Ranking
from modelyard.picking.registry import FILTERS, PICKERS, SCORERS
from modelyard.picking.settings import PluginConfig, ProfileConfig
from modelyard.picking.view import View, no_slots

if TYPE_CHECKING:
    import random

MAX_VIEWS = 16
"""Kept per fleet version, one per subset and per key of filters that read the request; the oldest goes first."""


class Profile:
    """The policies of one profile, and their caches."""

    def __init__(self, config: ProfileConfig, memory: Memory) -> None:
        self.name = config.name
        self.memory = memory
        self.filters: list[tuple[str, Filter[Any]]] = [
            (plugin.name, FILTERS[plugin.type](plugin.parameters, memory)) for plugin in config.filters
        ]
        self.scorers: list[tuple[PluginConfig, Scorer[Any]]] = [
            (plugin, SCORERS[plugin.type](plugin.parameters, memory)) for plugin in config.scorers
        ]
        self.picker_name = config.picker.name
        self.picker = PICKERS[config.picker.type](config.picker.parameters, memory)
        self.gates = [(name, policy) for name, policy in self.filters if isinstance(policy, Gate)]
        self.pins = [(name, policy) for name, policy in self.filters if isinstance(policy, Pin)]
        self.plain_filters = [(name, policy) for name, policy in self.filters if not isinstance(policy, (Gate, Pin))]
        self._keying_filters = [policy for _, policy in self.plain_filters if type(policy).key is not Filter.key]
        weighted = [(plugin.weight, policy) for plugin, policy in self.scorers]
        self._fleet = [(weight, policy) for weight, policy in weighted if isinstance(policy, FleetScorer)]
        self._keyed = [(weight, policy) for weight, policy in weighted if isinstance(policy, KeyedScorer)]
        self._in_flight = [(weight, policy) for weight, policy in weighted if isinstance(policy, InFlightScorer)]
        self._levels = [(weight * POINT, scorer.level) for weight, scorer in self._in_flight]
        self._by_unseen = all(scorer.by_unseen for _, scorer in self._in_flight)
        self._points: dict[int, int] = {}
        """By ``Candidate.unseen``, where nothing else counts."""
        self._per_request = [(weight, policy) for weight, policy in weighted if isinstance(policy, RequestScorer)]
        self._boosting: list[tuple[float, Any]] = [
            *((weight, keyed) for weight, keyed in self._keyed if type(keyed).boosts is not KeyedScorer.boosts),
            *((weight, policy) for weight, policy in weighted if isinstance(policy, SparseScorer)),
        ]
        self._always_flat = bool(self.gates or self._per_request)
        self._takes_best = self.picker.takes_best and not self._always_flat
        self._ready: Sequence[Candidate] = ()
        self._slots = 0
        self._views: dict[Hashable, View] = {}
        self._dynamic: list[int] = []
        self._log: list[int] = []
        self._log_limit = 0
        self._epoch = 0

    def policies(self) -> list[Policy[Any]]:
        """Filters, scorers and the picker."""
        return [*(policy for _, policy in self.filters), *(policy for _, policy in self.scorers), self.picker]

    def new_fleet(self, ready: Sequence[Candidate], slots: Sequence[Candidate]) -> None:
        """The fleet changed: everything cached is void."""
        self._ready = ready
        self._slots = len(slots)
        self._log_limit = 4 * len(slots) + 4096
        self._views.clear()
        for policy in self.policies():
            policy.new_fleet(ready)
        self.rescale(slots)

    def rescale(self, slots: Sequence[Candidate]) -> None:
        """All counts of own open requests are measured anew."""
        self._points.clear()
        self._dynamic = [self._level(candidate) for candidate in slots] if self._in_flight else [0] * len(slots)
        self._log.clear()
        self._epoch += 1

    def changed(self, candidate: Candidate) -> None:
        """Own open requests at ``candidate`` changed, or the prefixes that it holds."""
        log = self._log
        slot = candidate.slot
        points = self._points.get(candidate.unseen)
        self._dynamic[slot] = self._level(candidate) if points is None else points
        log.append(slot)
        if len(log) > self._log_limit:
            log.clear()
            self._epoch += 1

    def view(self, request: PickRequest, subset: Collection[str] | None) -> View:
        """The candidates for ``request``."""
        key: Hashable = subset if subset is None or isinstance(subset, frozenset) else frozenset(subset)
        if self._keying_filters:
            key = (key, *(policy.key(request) for policy in self._keying_filters))
        view = self._views.get(key)
        if view is None:
            if len(self._views) >= MAX_VIEWS:
                del self._views[next(iter(self._views))]
            view = self._views[key] = self._new_view(request, subset)
        return view

    def choose(
        self,
        request: PickRequest,
        view: View,
        exclude: Collection[str],
        by_address: Mapping[str, Candidate],
        count: int,
        rng: random.Random,
    ) -> Sequence[int]:
        """Up to ``count`` slots for ``request``, the primary first; empty where all are taken out."""
        ranking = self._ranking(view, request)
        sources = self._boosts(request) if self._boosting else []
        out = [by_address[address].slot for address in exclude if address in by_address] if exclude else []
        if self.pins and not out and not self.gates:
            pinned = self._pinned(request, ranking.totals, by_address)
            if pinned is not None:
                return (pinned,)
        if count == 1 and ranking.maxima and not self._always_flat and len(out) <= FEW:
            board = self._large_board(ranking, view, sources, out, rng)
            if board is not None:
                return self.picker.pick(board, count, rng)
        if count == 1 and self._takes_best and not sources and not out:
            slot = best_of(ranking.totals, rng)
            return (slot,) if slot >= 0 else ()
        totals = ranking.totals.copy()
        for groups in sources:
            raise_slots(totals, groups)
        for weight, scorer in self._per_request:
            add_points(totals, view.slots, weight, scorer.score(view.candidates, request))
        if out or self.gates:
            self._take_out(totals, view.candidates, request, out)
            pinned = self._pinned(request, totals, by_address)
            if pinned is not None:
                return (pinned,)
        return self.picker.pick(FlatBoard(totals), count, rng)

    def _level(self, candidate: Candidate) -> int:
        total = 0
        for scale, level in self._levels:
            score = level(candidate)
            total += int(scale * (score if 0.0 <= score <= 1.0 else clamp(score)) + 0.5)
        if self._by_unseen:
            self._points[candidate.unseen] = total
        return total

    def _ranking(self, view: View, request: PickRequest) -> Ranking:
        keyed = self._keyed
        if len(keyed) == 1:
            ranking = view.ranking(keyed[0][1].key(request))
        else:
            ranking = view.ranking(tuple(scorer.key(request) for _, scorer in keyed))
        if ranking.seen != len(self._log) or ranking.epoch != self._epoch:
            ranking.catch_up(self._dynamic, self._log, self._epoch)
        return ranking

    def _boosts(self, request: PickRequest) -> list[Groups]:
        sources: list[Groups] = []
        for weight, scorer in self._boosting:
            groups = scorer.boosts(request)
            if groups:
                scale = weight * POINT
                sources.append([(int(scale * clamp(score) + 0.5), slots) for score, slots in groups])
        return sources

    def _large_board(
        self, ranking: Ranking, view: View, sources: list[Groups], out: list[int], rng: random.Random
    ) -> BlockBoard | None:
        def best_of(members: Collection[int]) -> int:
            return ranking.best_of(members, self._dynamic, self._log, rng)

        return large_board(ranking, view.slots, sources, out, best_of)

    def _pinned(self, request: PickRequest, totals: Sequence[int], by_address: Mapping[str, Candidate]) -> int | None:
        """The slot that the request belongs to, where it may be chosen."""
        for _, pin in self.pins:
            address = pin.address(request)
            candidate = by_address.get(address) if address else None
            if candidate is not None and totals[candidate.slot] >= 0:
                return candidate.slot
        return None

    def _take_out(
        self, totals: list[int], candidates: Sequence[Candidate], request: PickRequest, out: Sequence[int]
    ) -> None:
        for slot in out:
            totals[slot] = NEVER
        for _, gate in self.gates:
            left = [candidate for candidate in candidates if totals[candidate.slot] >= 0]
            kept = gate.keep(left, request)
            if len(kept) < len(left):
                open_slots = {candidate.slot for candidate in kept}
                for candidate in left:
                    if candidate.slot not in open_slots:
                        totals[candidate.slot] = NEVER

    def _new_view(self, request: PickRequest, subset: Collection[str] | None) -> View:
        candidates, nothing = self.narrow(request, subset)
        static = no_slots(self._slots)
        for candidate in candidates:
            static[candidate.slot] = 0
        slots = [candidate.slot for candidate in candidates]
        for weight, scorer in self._fleet:
            add_points(static, slots, weight, scorer.score(candidates, request))
        return View(candidates, static, self._keyed, nothing)

    def narrow(self, request: PickRequest, subset: Collection[str] | None) -> tuple[Sequence[Candidate], str]:
        """Ready endpoints that the subset and the filters leave (gates and pins apart); where none, which step left
        none."""
        candidates: Sequence[Candidate] = self._ready
        if not candidates:
            return (), "no endpoint is ready"
        if subset is not None:
            candidates = [candidate for candidate in candidates if candidate.endpoint.address in subset]
            if not candidates:
                return (), "no ready endpoint is in the subset asked for"
        for name, policy in self.plain_filters:
            candidates = policy.keep(candidates, request)
            if not candidates:
                return (), f"{name} left no endpoint"
        return candidates, ""
