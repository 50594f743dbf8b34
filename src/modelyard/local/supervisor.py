"""Runs the Deployments of a ResourceSet and keeps them running."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from modelyard.local.deployment_run import DeploymentRun
from modelyard.local.home import Home
from modelyard.local.machine import read_context
from modelyard.local.model_files import ModelSources
from modelyard.local.plan import plan_deployments
from modelyard.local.plan_context import PlanContext
from modelyard.local.replica import Drain, Replica
from modelyard.local.replica_files import remove_remains
from modelyard.local.replica_plan import DeploymentPlan, EngineMode, ReplicaPlan
from modelyard.local.revisions import Kept, Revision, Revisions
from modelyard.local.rollout_status import RolloutStatus
from modelyard.local.start_slots import StartSlots
from modelyard.local.state_file import StateFile
from modelyard.local.status import LocalPod, ReplicaStatus
from modelyard.local.surge_room import SurgeRoom
from modelyard.local.weights_provider import FoldersOnly, WeightsProvider
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet

NO_SOURCES = SourceTable()


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
        weights: WeightsProvider | None = None,
        state: StateFile | None = None,
    ) -> None:
        """``concurrent_starts``: engines that may load at the same time; 0: twice the cores.
        ``on_change`` is called on the loop, soon after ``replicas()`` or ``endpoints()`` changed; changes
        that come together are joined. ``weights`` gets models' files; None: only folders of this machine.
        ``state`` keeps the replicas for other processes."""
        self._home, self._mode = home, engine
        self._concurrent_starts = concurrent_starts
        self._on_change, self._drain = on_change, drain
        self._context: PlanContext | None = None
        self._slots: StartSlots | None = None
        self._weights: WeightsProvider = weights or FoldersOnly()
        self._state = state or StateFile(home)
        self._revisions = Revisions(home)
        self._room: SurgeRoom | None = None
        self._plans: tuple[DeploymentPlan, ...] = ()
        self._runs: dict[str, DeploymentRun] = {}
        self._last: tuple[ResourceSet, SourceTable] | None = None
        """What was applied last, as it is written."""
        self._applied = 0
        self._notified = False
        self._closed = False

    async def apply(self, resources: ResourceSet, sources: SourceTable = NO_SOURCES) -> None:
        """Make the machine run what ``resources`` say: start, replace, remove. Returns when the work is under
        way, not when replicas are ready; a later call supersedes an earlier one. ``sources``: where models are taken
        from."""
        self._applied += 1
        turn = self._applied
        context = await self._current_context()
        if self._closed or turn != self._applied:
            return
        self._last = (resources, sources)
        models = ModelSources(table=sources, path_of=self._weights.path_of)
        kept = {key: address for run in self._runs.values() for key, address in run.addresses().items()}
        used = {name: run.ordinals() for name, run in self._runs.items()}
        plans = plan_deployments(self._in_force(resources), context, kept, models, used)
        self._plans = tuple(self._with_revision(plan) for plan in plans)
        wanted = {f"{plan.namespace}/{plan.name}": plan for plan in self._plans}
        for name in self._runs.keys() - wanted.keys():
            namespace, _, deployment = name.partition("/")
            self._runs[name].take(DeploymentPlan(namespace=namespace, name=deployment))
        for name, plan in wanted.items():
            if not plan.problem and (plan.replicas or name in self._runs):
                self._run_of(name, plan).take(plan)
        self._changed()

    def plans(self) -> tuple[DeploymentPlan, ...]:
        """What each Deployment became: replicas, skipped parts, problems."""
        return self._plans

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Every replica, by namespace, Deployment and ordinal; those that still stop included."""
        return tuple(replica.status() for replica in self._everyone())

    def endpoints(self) -> tuple[LocalPod, ...]:
        """Every replica as a Pod, ready or not (``ready``)."""
        return tuple(replica.pod() for replica in self._everyone())

    def rollouts(self) -> tuple[RolloutStatus, ...]:
        """Every Deployment that runs here: how far it is, and its conditions."""
        planned = {f"{plan.namespace}/{plan.name}" for plan in self._plans}
        return tuple(run.status() for name, run in sorted(self._runs.items()) if name in planned)

    async def restart(self, key: str) -> None:
        """Stop and start one replica (``namespace/name``). KeyError: there is none of that name."""
        for run in self._runs.values():
            with contextlib.suppress(KeyError):
                await asyncio.wait({run.restart_replica(key)})
                return
        raise KeyError(key)

    def restart_deployment(self, namespace: str, name: str) -> None:
        """Replace every replica, as an update does. KeyError: no such Deployment runs here; ValueError: not now."""
        run = self._runs[f"{namespace}/{name}"]
        if run.plan.rollout.paused:
            raise ValueError(f"Deployment {namespace}/{name} is paused (spec.paused); resume it first")
        run.restart(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        self._changed()

    async def undo(self, namespace: str, name: str, to: int = 0) -> Revision:
        """Go back to an earlier template (``Revisions.undo``). KeyError: no such Deployment runs here; NoRevision;
        ValueError: not now."""
        run = self._runs[f"{namespace}/{name}"]
        if run.plan.rollout.paused:
            raise ValueError(f"Deployment {namespace}/{name} is paused (spec.paused); resume it first")
        assert self._last is not None
        found = self._revisions.undo(self._last[0].deployments[namespace, name], to)
        await self.apply(*self._last)
        return found

    def history(self, namespace: str, name: str) -> Kept:
        """The templates that are kept of a Deployment."""
        return self._revisions.kept(namespace, name)

    async def stop(self) -> None:
        """Stop every replica within its grace period; returns when no process is left. Final."""
        self._closed = True
        await asyncio.gather(*(run.stop() for run in self._runs.values()))
        self._runs.clear()
        self._flush()

    async def _current_context(self) -> PlanContext:
        """Read once; again while no engine was found, since one may have been installed meanwhile."""
        if self._context is None or self._context.engine_problem:
            self._context = await asyncio.to_thread(read_context, self._home, self._mode)
        if self._slots is None:
            await asyncio.to_thread(remove_remains, self._home)
            self._slots = StartSlots(self._concurrent_starts or 2 * self._context.machine.cores)
            self._room = SurgeRoom(gpu=self._context.machine.has_gpu and self._context.engine.kind != "simulator")
        return self._context

    def _in_force(self, resources: ResourceSet) -> ResourceSet:
        """With the templates that ``undo`` has chosen instead of those in the files."""
        deployments = {key: self._revisions.take(one) for key, one in resources.deployments.items()}
        return msgspec.structs.replace(resources, deployments=deployments)

    def _with_revision(self, plan: DeploymentPlan) -> DeploymentPlan:
        key = (plan.namespace, plan.name)
        return msgspec.structs.replace(
            plan, revision=self._revisions.current(*key), pinned_to=self._revisions.pinned_to(*key)
        )

    def _run_of(self, name: str, plan: DeploymentPlan) -> DeploymentRun:
        if name not in self._runs:
            assert self._room is not None
            self._runs[name] = DeploymentRun(
                plan, make=self._replica, room=self._room, drain=self._drain, changed=self._changed
            )
        return self._runs[name]

    def _replica(self, plan: ReplicaPlan, restarts: int) -> Replica:
        assert self._slots is not None

        def changed() -> None:
            self._runs[f"{plan.namespace}/{plan.deployment}"].look()
            self._changed()

        return Replica(
            plan, home=self._home, slots=self._slots, weights=self._weights, changed=changed, restarts=restarts
        )

    def _everyone(self) -> list[Replica]:
        everyone = [replica for run in self._runs.values() for replica in run.everyone()]
        return sorted(everyone, key=lambda one: (one.plan.namespace, one.plan.deployment, one.plan.ordinal))

    def _changed(self) -> None:
        if not self._notified:
            self._notified = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._notified = False
        self._forget_what_is_gone()
        self._state.put("local", self.replicas())
        self._on_change()

    def _forget_what_is_gone(self) -> None:
        planned = {f"{plan.namespace}/{plan.name}" for plan in self._plans}
        for name in [name for name, run in self._runs.items() if name not in planned and not run.ordinals()]:
            self._runs.pop(name).close()
