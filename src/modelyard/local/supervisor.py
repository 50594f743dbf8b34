"""Runs the Deployments of a ResourceSet and keeps them running."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.local.claims import ClaimFiller
from modelyard.local.home import Home
from modelyard.local.machine import read_context
from modelyard.local.plan import plan_deployments
from modelyard.local.replica import Replica
from modelyard.local.replica_command import PlanContext
from modelyard.local.replica_plan import DeploymentPlan, EngineMode, ReplicaPlan
from modelyard.local.start_slots import StartSlots
from modelyard.local.state_file import write_state
from modelyard.local.status import LocalPod, ReplicaStatus

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet

Drain = Callable[[LocalPod], Awaitable[None]]
"""Waits until no request runs on a replica that is about to be stopped. Called after it was reported not
ready; cancelled when the replica's grace period is over."""

REPLACE_SECONDS = 600.0
"""How long a replaced replica may take to become ready before the next one is replaced (Kubernetes'
``progressDeadlineSeconds``)."""


class LocalRunner:
    """The local replicas of one yard.

    Not thread-safe; everything runs on the loop that calls ``apply``. Nothing here raises for what a manifest
    says: a Deployment that cannot run is in ``plans()`` with its ``problem``, and what ran of it goes on.
    """

    def __init__(
        self,
        *,
        home: Home,
        engine: EngineMode = EngineMode.AUTO,
        concurrent_starts: int = 0,
        on_change: Callable[[], None] = lambda: None,
        drain: Drain | None = None,
    ) -> None:
        """``concurrent_starts``: engines that may load at the same time; 0: twice the cores.
        ``on_change`` is called on the loop, soon after ``replicas()`` or ``endpoints()`` changed; changes
        that come together are joined."""
        self._home, self._mode = home, engine
        self._concurrent_starts = concurrent_starts
        self._on_change, self._drain = on_change, drain
        self._context: PlanContext | None = None
        self._slots: StartSlots | None = None
        self._claims = ClaimFiller(home)
        self._plans: tuple[DeploymentPlan, ...] = ()
        self._replicas: dict[str, Replica] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, Replica] = {}
        self._rollouts: dict[str, asyncio.Task[None]] = {}
        self._applied = 0
        self._notified = False
        self._closed = False

    async def apply(self, resources: ResourceSet) -> None:
        """Make the machine run what ``resources`` say: start, replace, remove. Returns when the work is under
        way, not when replicas are ready; a later call supersedes an earlier one."""
        self._applied += 1
        turn = self._applied
        context = await self._current_context()
        if self._closed or turn != self._applied:
            return
        kept = {key: replica.plan.address for key, replica in self._replicas.items()}
        self._plans = plan_deployments(resources, context, kept)
        wanted = {f"{plan.namespace}/{plan.name}": plan for plan in self._plans}
        for key in [key for key, one in self._replicas.items() if _deployment_key(one.plan) not in wanted]:
            self._end(key)
        for name in [name for name in self._rollouts if name not in wanted]:
            self._rollouts.pop(name).cancel()
        for name, plan in wanted.items():
            if not plan.problem:
                self._reconcile(name, plan)
        self._changed()

    def plans(self) -> tuple[DeploymentPlan, ...]:
        """What each Deployment became: replicas, skipped parts, problems."""
        return self._plans

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Every replica, by namespace, Deployment and ordinal; those that still stop included."""
        everyone = {**self._leaving, **self._replicas}
        return tuple(replica.status() for replica in sorted(everyone.values(), key=_order))

    def endpoints(self) -> tuple[LocalPod, ...]:
        """Every replica as a Pod, ready or not (``ready``)."""
        everyone = {**self._leaving, **self._replicas}
        return tuple(replica.pod() for replica in sorted(everyone.values(), key=_order))

    async def restart(self, key: str) -> None:
        """Stop and start one replica (``namespace/name``). KeyError: there is none of that name."""
        plan = self._replicas[key].plan
        restarts = self._replicas[key].status().restarts + 1
        ending = self._end(key)
        self._start(plan, restarts=restarts)
        await asyncio.wait({ending})

    async def stop(self) -> None:
        """Stop every replica within its grace period; returns when no process is left. Final."""
        self._closed = True
        for rollout in self._rollouts.values():
            rollout.cancel()
        for key in list(self._replicas):
            self._end(key)
        if self._ending:
            await asyncio.wait(set(self._ending.values()))
        self._flush()

    async def _current_context(self) -> PlanContext:
        """Read once; again while no engine was found, since one may have been installed meanwhile."""
        if self._context is None or self._context.engine_problem:
            self._context = await asyncio.to_thread(read_context, self._home, self._mode)
        if self._slots is None:
            self._slots = StartSlots(self._concurrent_starts or 2 * self._context.machine.cores)
        return self._context

    def _reconcile(self, name: str, plan: DeploymentPlan) -> None:
        """Start what is new, end what is too much, and replace what differs, in the background."""
        wanted = {replica.key: replica for replica in plan.replicas}
        have = {key: one for key, one in self._replicas.items() if _deployment_key(one.plan) == name}
        for key in have.keys() - wanted.keys():
            self._end(key)
        for key in wanted.keys() - have.keys():
            self._start(wanted[key])
        differing = []
        for key in sorted(wanted.keys() & have.keys()):
            if needs_restart(have[key].plan, wanted[key]):
                differing.append(wanted[key])
            elif have[key].plan != wanted[key]:
                have[key].update(wanted[key])
        previous = self._rollouts.pop(name, None)
        if previous is not None:
            previous.cancel()
        if differing:
            work = self._recreate(differing) if plan.recreate else self._replace(differing)
            self._rollouts[name] = asyncio.create_task(work, name=f"rollout {name}")

    async def _replace(self, plans: list[ReplicaPlan]) -> None:
        """One after another, without extra replicas in between: a machine has no spare GPU or memory for
        them."""
        for plan in plans:
            self._end(plan.key)
            replica = self._start(plan)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPLACE_SECONDS):
                    await replica.settled()

    async def _recreate(self, plans: list[ReplicaPlan]) -> None:
        ending = {self._end(plan.key) for plan in plans}
        await asyncio.wait(ending)
        for plan in plans:
            self._start(plan)

    def _start(self, plan: ReplicaPlan, *, restarts: int = 0) -> Replica:
        assert self._slots is not None
        replica = Replica(
            plan,
            home=self._home,
            slots=self._slots,
            claims=self._claims,
            changed=self._changed,
            restarts=restarts,
        )
        self._replicas[plan.key] = replica
        replica.start(after=self._predecessor(plan.key))
        return replica

    def _predecessor(self, key: str) -> Coroutine[Any, Any, object] | None:
        ending = self._ending.get(key)
        return None if ending is None else asyncio.wait({ending})

    def _end(self, key: str) -> asyncio.Task[None]:
        """Stop a replica in the background; nothing cancels that."""
        replica = self._replicas.pop(key, None)
        if replica is None:
            return self._ending.get(key) or asyncio.create_task(asyncio.sleep(0))
        task = asyncio.create_task(self._ended(key, replica, self._predecessor(key)), name=f"stop {key}")
        self._ending[key], self._leaving[key] = task, replica
        return task

    async def _ended(self, key: str, replica: Replica, predecessor: Coroutine[Any, Any, object] | None) -> None:
        """Stop ``replica``; over when its predecessor of the same name has stopped as well."""
        try:
            await replica.stop(self._drain)
            if predecessor is not None:
                await predecessor
        finally:
            if self._leaving.get(key) is replica:
                del self._leaving[key], self._ending[key]
            self._changed()

    def _changed(self) -> None:
        if not self._notified:
            self._notified = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._notified = False
        with contextlib.suppress(OSError):
            write_state(self._home, self.replicas())
        self._on_change()


def needs_restart(old: ReplicaPlan, new: ReplicaPlan) -> bool:
    """Whether a replica must be replaced. Labels and the content of mounted files change while it runs."""
    same: dict[str, Any] = {"labels": {}, "files": (), "settings": (), "grace": 0.0}
    return msgspec.structs.replace(old, **same) != msgspec.structs.replace(new, **same)


def _deployment_key(plan: ReplicaPlan) -> str:
    return f"{plan.namespace}/{plan.deployment}"


def _order(replica: Replica) -> tuple[str, str, int]:
    ordinal = replica.plan.name.rpartition("-")[2]
    return replica.plan.namespace, replica.plan.deployment, int(ordinal)
