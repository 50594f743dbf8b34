"""The replicas of one Deployment, kept at what its plan says: started, replaced step by step, removed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from modelyard.local.replica import Drain, Replica
from modelyard.local.replica_changes import needs_restart
from modelyard.local.replica_plan import DeploymentPlan, ReplicaPlan
from modelyard.local.rolling import Member, RollingLimits, next_steps
from modelyard.local.rollout_progress import RolloutProgress
from modelyard.local.rollout_status import Counts, RolloutStatus, available_condition, progressing_condition
from modelyard.local.status import Phase
from modelyard.local.surge_room import SurgeRoom

log = logging.getLogger(__name__)

_FAULT_SECONDS = 1.0
"""Pause after a fault that nobody foresaw."""

Make = Callable[[ReplicaPlan, int], Replica]
"""Makes a replica that was not started; the number is how often it was restarted before."""


class DeploymentRun:
    """Runs until ``stop``. Everything happens on the loop; nothing raises for what a manifest says."""

    def __init__(
        self, plan: DeploymentPlan, *, make: Make, room: SurgeRoom, drain: Drain | None, changed: Callable[[], None]
    ) -> None:
        self.plan = plan
        self.restarted_at = ""
        self._make, self._room, self._drain, self._changed = make, room, drain, changed
        self._replicas: dict[int, Replica] = {}
        self._leaving: dict[int, tuple[Replica, asyncio.Task[None]]] = {}
        self._limits: RollingLimits | None = None
        """What was found to fit for the update that runs; None: not looked at yet."""
        self._note = ""
        self._progress = RolloutProgress(time.monotonic())
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    # ── what the runner asks ──

    def take(self, plan: DeploymentPlan) -> None:
        """Go for ``plan`` from now on."""
        before, self.plan = self.plan, plan
        if before.rollout != plan.rollout or before.replicas != plan.replicas:
            self._begin_anew()
        for ordinal, replica in self._replicas.items():
            wanted = self._wanted(ordinal)
            if wanted is not None and replica.plan != wanted and not needs_restart(replica.plan, wanted):
                replica.update(wanted)
        self._step()
        if self._task is None:
            self._task = asyncio.create_task(self._drive(), name=f"deployment {plan.namespace}/{plan.name}")

    def restart(self, at: str) -> None:
        """Replace every replica, as an update does."""
        self.restarted_at = at
        self.take(self.plan)
        self._begin_anew()
        self._step()

    def restart_replica(self, key: str) -> asyncio.Task[None]:
        """Stop and start one replica; the task ends when the old one has stopped. KeyError: there is none."""
        found = {replica.plan.key: ordinal for ordinal, replica in self._replicas.items()}
        replica = self._replicas[found[key]]
        plan, restarts = replica.plan, replica.status().restarts + 1
        ending = self._end(found[key])
        self._start(plan, restarts=restarts)
        return ending

    def everyone(self) -> list[Replica]:
        """Those that stop included."""
        leaving = [replica for ordinal, (replica, _) in self._leaving.items() if ordinal not in self._replicas]
        return [*self._replicas.values(), *leaving]

    def ordinals(self) -> set[int]:
        """Numbers in use."""
        return {*self._replicas, *self._leaving}

    def addresses(self) -> dict[str, str]:
        """Of replicas that run, by key."""
        return {replica.plan.key: replica.plan.address for replica in self._replicas.values()}

    def close(self) -> None:
        """Watch no more; what stops goes on stopping."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        self._room.give_back(self._key)

    async def stop(self) -> None:
        """End every replica and return when nothing is left. Final."""
        self.close()
        for ordinal in list(self._replicas):
            self._end(ordinal)
        while self._leaving:
            await asyncio.wait({task for _, task in self._leaving.values()})

    def look(self) -> None:
        """Something changed."""
        self._wake.set()

    def status(self) -> RolloutStatus:
        """It, now."""
        counts, rules = self.counts(), self.plan.rollout
        conditions = (
            available_condition(counts, rules.limits.fewest),
            progressing_condition(counts, paused=rules.paused, late=self._progress.late),
        )
        return RolloutStatus(
            namespace=self.plan.namespace,
            name=self.plan.name,
            revision=self.plan.revision,
            counts=counts,
            strategy=rules.strategy,
            conditions=tuple(self._progress.timed(condition, time.time()) for condition in conditions),
            note=self._note,
            pinned_to=self.plan.pinned_to,
            restarted_at=self.restarted_at,
        )

    def counts(self) -> Counts:
        """How many there are of each kind."""
        members = self._members()
        return Counts(
            desired=self.plan.rollout.limits.desired,
            total=len(members),
            updated=sum(member.current for member in members),
            ready=sum(replica.ready for replica in self._replicas.values()),
            available=sum(member.available for member in members),
            updated_available=sum(member.available and member.current for member in members),
            leaving=len(self._leaving),
        )

    # ── the update ──

    @property
    def _key(self) -> str:
        return f"{self.plan.namespace}/{self.plan.name}"

    def _begin_anew(self) -> None:
        """A new goal: what fits is looked at again, and the time for progress begins."""
        self._limits, self._note = None, ""
        self._progress.begin(time.monotonic())
        self._wake.set()

    async def _drive(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look_for_room()
                self._step()
                self._judge_progress()
            except Exception:
                log.exception("Deployment %s: this step is tried again", self._key)
                await asyncio.sleep(_FAULT_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next_look()):
                    await self._wake.wait()

    async def _look_for_room(self) -> None:
        """Before the first extra replica: does it fit? Where it does not, replicas are replaced in place."""
        rules = self.plan.rollout
        old = [replica for ordinal, replica in self._replicas.items() if not self._current(ordinal)]
        if self._limits is not None or not old:
            return
        if rules.recreate or rules.paused or not rules.limits.surge:
            self._limits = rules.limits
            return
        pids = [pid for replica in self._replicas.values() if (pid := replica.status().pid)]
        extra, why = await self._room.ask(self._key, rules.limits.surge, pids)
        if rules is not self.plan.rollout:
            return
        self._limits = rules.limits.with_room_for(extra)
        if why:
            in_place = f"replaced in place, {self._limits.unavailable} at a time, instead of with extra replicas: "
            self._note = why if extra else in_place + why

    def _step(self) -> None:
        """Start and stop what may be started and stopped now."""
        if self._closed:
            return
        limits = self._limits
        if limits is None:
            limits = RollingLimits(desired=self.plan.rollout.limits.desired, surge=0, unavailable=0)
        steps = next_steps(
            self._members(), len(self._leaving), limits, recreate=self._recreates(), paused=self.plan.rollout.paused
        )
        for ordinal in steps.stop:
            self._end(ordinal)
        for plan in self._free_plans()[: steps.start]:
            self._start(plan)
        if self._limits is not None and self.counts().complete:
            self._limits = None
            self._room.give_back(self._key)

    def _recreates(self) -> bool:
        known = self._limits is not None or all(self._current(ordinal) for ordinal in self._replicas)
        return self.plan.rollout.recreate and known

    def _free_plans(self) -> list[ReplicaPlan]:
        """Of ordinals that nobody has, lowest first; those whose predecessor still stops come last, and wait."""
        plans = (*self.plan.replicas, *self.plan.spares)
        free = [
            (ordinal in self._leaving, ordinal) for plan in plans if (ordinal := plan.ordinal) not in self._replicas
        ]
        wanted = [self._wanted(ordinal) for _, ordinal in sorted(free)]
        return [plan for plan in wanted if plan is not None]

    def _wanted(self, ordinal: int) -> ReplicaPlan | None:
        """The plan of a replica as the Deployment is now; None: nothing is planned for this number."""
        for plan in (*self.plan.replicas, *self.plan.spares):
            if plan.ordinal == ordinal:
                return msgspec.structs.replace(plan, restarted_at=self.restarted_at) if self.restarted_at else plan
        return None

    def _current(self, ordinal: int) -> bool:
        wanted = self._wanted(ordinal)
        return wanted is not None and not needs_restart(self._replicas[ordinal].plan, wanted)

    def _members(self) -> list[Member]:
        now = time.monotonic()
        return [
            Member(
                ordinal=ordinal,
                current=self._current(ordinal),
                available=replica.ready and now - replica.ready_at >= self.plan.rollout.min_ready,
            )
            for ordinal, replica in self._replicas.items()
        ]

    # ── time ──

    def _judge_progress(self) -> None:
        rules = self.plan.rollout
        waits = rules.paused or any(replica.phase is Phase.PENDING for replica in self._replicas.values())
        if self._progress.judge(self.counts(), time.monotonic(), rules.deadline, waits=waits, worst=self._worst):
            self._changed()

    def _worst(self) -> str:
        """What an updated replica that is not available says."""
        for ordinal, replica in sorted(self._replicas.items()):
            if self._current(ordinal) and not replica.ready:
                return f" ({replica.plan.name}: {replica.status().message})"
        return ""

    def _until_next_look(self) -> float | None:
        """Seconds until time itself changes something; None: it does not."""
        now, rules = time.monotonic(), self.plan.rollout
        waits = [
            replica.ready_at + rules.min_ready - now
            for replica in self._replicas.values()
            if replica.ready and now - replica.ready_at < rules.min_ready
        ]
        if not self._progress.late and not self.counts().complete and not rules.paused:
            waits.append(self._progress.due(rules.deadline) - now)
        return max(0.01, min(waits)) if waits else None

    # ── replicas ──

    def _start(self, plan: ReplicaPlan, *, restarts: int = 0) -> None:
        replica = self._make(plan, restarts)
        self._replicas[plan.ordinal] = replica
        replica.start(after=self._predecessor(plan.ordinal))
        self._changed()

    def _predecessor(self, ordinal: int) -> Coroutine[Any, Any, object] | None:
        leaving = self._leaving.get(ordinal)
        return None if leaving is None else asyncio.wait({leaving[1]})

    def _end(self, ordinal: int) -> asyncio.Task[None]:
        """Stop a replica in the background; nothing cancels that."""
        replica = self._replicas.pop(ordinal)
        task = asyncio.create_task(self._ended(ordinal, replica, self._predecessor(ordinal)), name="stop replica")
        self._leaving[ordinal] = (replica, task)
        return task

    async def _ended(self, ordinal: int, replica: Replica, predecessor: Coroutine[Any, Any, object] | None) -> None:
        """Stop ``replica``; over when its predecessor of the same name has stopped as well."""
        try:
            await replica.stop(self._drain)
            if predecessor is not None:
                await predecessor
        finally:
            if self._leaving.get(ordinal, (None,))[0] is replica:
                del self._leaving[ordinal]
            self._wake.set()
            self._changed()
