"""One replica's adapters: looks, plans, acts, and says how it stands, until closed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from modelyard.lora.adapter import Known, ReplicaView, Routes, Stored, Usage
from modelyard.lora.adapter_config import check
from modelyard.lora.attempts import Attempts
from modelyard.lora.condition import AdapterStatus, Reason
from modelyard.lora.engine_adapters import AdapterCallError, EngineAdapters
from modelyard.lora.lora_config import Wanted, client_name
from modelyard.lora.plan import Listing, Load, Plan, Situation, Unload, Version, owned, plan
from modelyard.lora.report import Found, Look, report, same_for_all
from modelyard.lora.slots import Chosen, SlotPolicy, choose
from modelyard.lora.source_book import SourceBook

log = logging.getLogger(__name__)

PERIOD = 5.0
"""Seconds between looks where nothing happens: finds what somebody else loaded or unloaded."""
UNREACHABLE_RETRY = UNHEARD_RETRY = 0.5


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What all replicas of a reconciler share."""

    beside: bool = True
    """New versions are loaded beside old ones, and traffic is led by ``routes``."""
    folder: str = ""
    """The store's root."""
    period: float = PERIOD


class ReplicaLoop:
    """Keeps one replica's adapters as they should be. Used from one event loop."""

    def __init__(
        self,
        view: ReplicaView,
        *,
        book: SourceBook,
        api: Callable[[ReplicaView], EngineAdapters],
        routes: Routes,
        known: Known,
        usage: Usage,
        settings: LoopSettings,
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.view = view
        self._book, self._api, self._routes, self._known, self._usage = book, api, routes, known, usage
        self._settings, self._changed, self._clock = settings, changed, clock
        self._wake = asyncio.Event()
        self._routed: Mapping[str, str] = {}
        self._retired: Mapping[str, float] = {}
        self._loaded: set[str] = set()
        self._attempts = Attempts()
        self._in_use: frozenset[str] = frozenset()
        self._last_used: dict[str, float] = {}
        self._answered = False
        self._told: tuple[ReplicaView, Mapping[str, str], frozenset[str]] | None = None
        self._statuses: dict[str, AdapterStatus] = {}
        self._announce()
        self._task = asyncio.create_task(self._run(), name=f"adapters of {view.key}")

    def update(self, view: ReplicaView) -> None:
        """Take over what is wanted now; a new process has nothing loaded."""
        if view.incarnation != self.view.incarnation or view.url != self.view.url:
            self._forget()
        if view != self.view:
            self.view = view
            self._announce()
            self._wake.set()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def statuses(self) -> tuple[AdapterStatus, ...]:
        """One for each adapter that is wanted or still there, by name."""
        return tuple(status for _, status in sorted(self._statuses.items()))

    def paths_in_use(self) -> frozenset[str]:
        """Folders that the engine may read: of what it listed last, and of what it loads now."""
        return self._in_use

    async def close(self) -> None:
        """Stop looking; what is loaded stays loaded."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _announce(self) -> None:
        """What was not wanted before has a status from the start."""
        for one in self.view.want:
            if one.name not in self._statuses:
                status = same_for_all(self.view, one, Reason.FETCHING, "about to be looked at")
                self._statuses[one.name] = _stamped(status, None, time.time())

    def _unreachable(self, problem: AdapterCallError) -> float:
        if self._answered:
            self._say_all(Reason.ENGINE_UNREACHABLE, str(problem))
        else:
            self._not_ready(self.view)
        return UNREACHABLE_RETRY

    def _forget(self) -> None:
        self._answered = False
        self._routed, self._retired, self._told = {}, {}, None
        self._in_use = frozenset()
        self._loaded.clear()
        self._attempts.forget()

    # ── the loop ──

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                delay = await self._look()
            except AdapterCallError as problem:
                delay = self._unreachable(problem)
            except Exception:
                log.exception("lora: the look at %s failed; the next one is soon", self.view.key)
                delay = self._settings.period
            await self._sleep(delay)

    async def _sleep(self, delay: float) -> None:
        """Until woken, or ``delay`` is over: then the routes are told again, in case they were forgotten."""
        try:
            async with asyncio.timeout(delay if self._told is not None else min(delay, UNHEARD_RETRY)):
                await self._wake.wait()
        except TimeoutError:
            self._told = None

    async def _look(self) -> float:
        """One look and at most one step; the seconds until the next look."""
        view = self.view
        if not view.up or view.limits.problem:
            return self._nothing_to_do(view)
        api = self._api(view)
        listing = await api.listing()
        self._answered = True
        self._in_use = frozenset(one.path for one in listing.adapters)
        if view is not self.view:
            return 0.0
        running, asked = self._usage(view)
        chosen = self._choose(view, listing, running, asked)
        found = {wanted.name: self._version(view, wanted) for wanted in view.want}
        now = self._clock()
        planned = plan(
            Situation(
                want={name: found[name].version for name in chosen.names},
                held=listing.adapters,
                ours=owned(listing.adapters, loaded=self._loaded, absent=view.absent, folder=self._settings.folder),
                reserved=frozenset(listing.base_models),
                routed=self._routed,
                retired=self._retired,
                busy=running,
                slots=None if view.policy is SlotPolicy.SWAP else view.limits.max_cpu_loras,
                beside=self._settings.beside,
                plain=view.ray is None,
                now=now,
            )
        )
        self._routed, self._retired = planned.routes, planned.retired
        self._attempts.keep(planned.actions)
        step = next((action for action in planned.actions if self._attempts.is_due(action, now)), None)
        if self._tell(view, planned, chosen, found):
            await self._known()
        loading = step.name if isinstance(step, Load) else ""
        self._set(report(Look(view, listing, chosen, planned, found, self._attempts.failures, loading)))
        if step is None:
            return self._delay(planned, now)
        await self._act(api, step)
        return 0.0

    def _delay(self, planned: Plan, now: float) -> float:
        times = self._attempts.times()
        times += [planned.again] if planned.again is not None else []
        return max(0.05, min([self._settings.period, *(at - now for at in times)]))

    def _nothing_to_do(self, view: ReplicaView) -> float:
        if view.limits.problem:
            self._publish(view, {}, frozenset())
            self._say_all(Reason.LORA_NOT_ENABLED, view.limits.problem)
        else:
            self._forget()
            self._not_ready(view)
        return self._settings.period

    def _not_ready(self, view: ReplicaView) -> None:
        coming = {one.name for one in view.want if not self._book.state(one.source).problem}
        self._publish(view, {}, frozenset(coming))
        self._say_all(Reason.REPLICA_NOT_READY, "the engine does not answer yet")

    # ── what is wanted ──

    def _choose(self, view: ReplicaView, listing: Listing, running: frozenset[str], asked: frozenset[str]) -> Chosen:
        now = self._clock()
        for name in {*map(client_name, running), *asked}:
            self._last_used[name] = now
        names = [wanted.name for wanted in view.want]
        for name in names:
            self._last_used.setdefault(name, now)
        held = {client_name(one.engine_name) for one in listing.adapters}
        return choose(names, view.limits.max_cpu_loras, view.policy, held=held, last_used=self._last_used)

    def _version(self, view: ReplicaView, wanted: Wanted) -> Found:
        """The version to serve, or why there is none."""
        state = self._book.state(wanted.source)
        stored = state.stored
        if stored is None:
            return Found(state=state)
        refusal = check(stored.facts, view.limits, view.base) if stored.facts is not None else None
        version = Version(path=stored.path, also=stored.fetched_path, suffix=_suffix(stored))
        return Found(version=None if refusal else version, refusal=refusal, state=state)

    # ── acting ──

    async def _act(self, api: EngineAdapters, step: Load | Unload) -> None:
        began = self._clock()
        try:
            if isinstance(step, Unload):
                await api.unload(step.engine_name)
                self._loaded.discard(step.engine_name)
            else:
                await self._load(api, step)
        except AdapterCallError as problem:
            self._attempts.failed(step, str(problem), unreachable=problem.unreachable, now=self._clock())
            log.warning("lora: %s: %s: %s", self.view.key, step.engine_name, problem)
            return
        self._attempts.succeeded(step)
        verb = "loaded" if isinstance(step, Load) else "unloaded"
        log.info("lora: %s: %s %s in %.2f s", self.view.key, verb, step.engine_name, self._clock() - began)

    async def _load(self, api: EngineAdapters, step: Load) -> None:
        self._in_use |= {step.version.path}
        if step.instead is not None:
            await api.unload(step.instead.engine_name)
        try:
            await api.load(step.engine_name, step.version.path)
        except AdapterCallError:
            if step.instead is not None:
                await api.load(step.instead.engine_name, step.instead.path)
            raise
        self._loaded.add(step.engine_name)

    # ── telling ──

    def _tell(self, view: ReplicaView, planned: Plan, chosen: Chosen, found: Mapping[str, Found]) -> bool:
        """Requests may wait for what is on its way, not for what cannot come. True: that was news."""
        hopeless = {name for name in planned.expected if not self._is_hopeful(name, found[name])}
        evicted = chosen.left_out if view.policy is SlotPolicy.EVICT else ()
        coming = (planned.expected - hopeless) | {name for name in evicted if found[name].version is not None}
        gone = dict.fromkeys(map(client_name, planned.retired), "")
        return self._publish(view, {**gone, **planned.routes}, frozenset(coming))

    def _is_hopeful(self, name: str, found: Found) -> bool:
        if found.version is None:
            return found.refusal is None and not found.state.problem
        return not self._attempts.concerns(name)

    def _publish(self, view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        """True: somebody took note of something new."""
        told = (view, dict(names), expected)
        if told == self._told:
            return False
        self._told = told if self._routes(view, names, expected) else None
        return self._told is not None

    def _say_all(self, reason: Reason, message: str) -> None:
        self._set({one.name: same_for_all(self.view, one, reason, message) for one in self.view.want})

    def _set(self, statuses: dict[str, AdapterStatus]) -> None:
        now = time.time()
        stamped = {name: _stamped(status, self._statuses.get(name), now) for name, status in statuses.items()}
        if stamped != self._statuses:
            self._statuses = stamped
            self._changed()


def _stamped(status: AdapterStatus, before: AdapterStatus | None, now: float) -> AdapterStatus:
    same = before is not None and (before.loaded, before.reason) == (status.loaded, status.reason)
    return msgspec.structs.replace(status, since=before.since if same and before is not None else now)


def _suffix(stored: Stored) -> str:
    return (stored.digest or hashlib.sha256(stored.path.encode()).hexdigest())[:8]
