"""Runs the RayServices of a ResourceSet and keeps them running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.local.engines import VllmEngine
from modelyard.local.home import Home
from modelyard.local.machine import count_gpus, read_machine
from modelyard.local.model_files import ModelSources
from modelyard.local.ray.adapter_bucket import AdapterBucket
from modelyard.local.ray.cluster import Drain, Surroundings
from modelyard.local.ray.engine import RayEngine, find_ray
from modelyard.local.ray.planning import plan_ray_services
from modelyard.local.ray.ray_context import RayContext
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.local.ray.service import RayServiceRun
from modelyard.local.replica_plan import EngineMode
from modelyard.local.start_slots import StartSlots
from modelyard.local.state_file import StateFile
from modelyard.local.status import LocalPod, ReplicaStatus
from modelyard.local.temporary_folders import temporary_root
from modelyard.local.weights_provider import FoldersOnly, WeightsProvider
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.ray_service import RayService
    from modelyard.resources.resource_set import ResourceSet

NO_SOURCES = SourceTable()
NO_RAY = "no Ray was found on this machine; install it with `modelyard engines install ray`"
NOT_SIMULATED = "--engine sim stands in for vLLM only; a RayService runs on real Ray (leave --engine out)"


class RayRunner:
    """The Ray clusters of one yard.

    Not thread-safe; everything runs on the loop that calls ``apply``. Nothing here raises for what a manifest says:
    a RayService that cannot run is in ``plans()`` with its ``problem``, and what ran of it goes on.
    """

    def __init__(
        self,
        *,
        home: Home,
        engine: EngineMode = EngineMode.AUTO,
        on_change: Callable[[], None] = lambda: None,
        drain: Drain | None = None,
        weights: WeightsProvider | None = None,
        folder_of: Callable[[RayService], str] = lambda service: "",
        state: StateFile | None = None,
    ) -> None:
        """``drain`` waits until no request runs at an endpoint that left rotation. ``weights`` gets models' files;
        None: only folders of this machine. ``folder_of``: where the relative paths of an object's file begin.
        ``state`` keeps the clusters for other processes."""
        self._home, self._mode, self._on_change = home, engine, on_change
        self._drain, self._folder_of = drain, folder_of
        self._weights: WeightsProvider = weights or FoldersOnly()
        self._state = state or StateFile(home)
        self._context: RayContext | None = None
        self._around: Surroundings | None = None
        self._plans: tuple[RayServicePlan, ...] = ()
        self._services: dict[str, RayServiceRun] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._leaving: set[RayServiceRun] = set()
        self._applied = 0
        self._notified = self._closed = False

    async def apply(
        self, resources: ResourceSet, sources: SourceTable = NO_SOURCES, adapters: AdapterBucket | None = None
    ) -> None:
        """Make the machine run what ``resources`` say; ``sources``: where models are taken from, ``adapters``: the
        bucket that models load adapters from. Returns when the work is under way; a later call supersedes an earlier
        one."""
        self._applied += 1
        turn = self._applied
        if not resources.ray_services and not self._services:
            self._plans = ()
            return
        context = await self._current_context()
        if self._closed or turn != self._applied:
            return
        kept = {key: address for run in self._everyone() for key, address in run.kept_addresses().items()}
        models = ModelSources(table=sources, path_of=self._weights.path_of)
        self._plans = plan_ray_services(
            resources, msgspec.structs.replace(context, models=models, adapters=adapters), kept
        )
        wanted = {plan.key: plan for plan in self._plans}
        for key in self._services.keys() - wanted.keys():
            self._end(self._services.pop(key))
        for key, plan in wanted.items():
            self._service(key, plan).apply(plan)
        self._changed()

    def plans(self) -> tuple[RayServicePlan, ...]:
        """What each RayService became: cluster, settings, skipped parts, problems."""
        return self._plans

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Every cluster, as one replica each."""
        return tuple(replica for run in self._everyone() for replica in run.replicas())

    def endpoints(self) -> tuple[LocalPod, ...]:
        """Every cluster as a Pod, ready or not."""
        return tuple(pod for run in self._everyone() for pod in run.pods())

    def statuses(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """``status`` of each RayService, by namespace and name."""
        return {(run.plan.namespace, run.plan.name): run.status() for run in self._services.values()}

    def settled(self) -> bool:
        """Whether every RayService that can run serves."""
        return all(run.settled() for run in self._services.values() if not run.plan.problem)

    async def stop(self) -> None:
        """End every cluster; returns when no process is left. Final."""
        self._closed = True
        for run in self._services.values():
            self._end(run)
        self._services = {}
        if self._ending:
            await asyncio.wait(self._ending)
        with contextlib.suppress(OSError):
            os.rmdir(self._clusters)

    def _everyone(self) -> tuple[RayServiceRun, ...]:
        ordered = sorted((*self._leaving, *self._services.values()), key=lambda run: run.plan.key)
        return tuple(ordered)

    def _service(self, key: str, plan: RayServicePlan) -> RayServiceRun:
        if key not in self._services:
            assert self._around is not None
            self._services[key] = RayServiceRun(plan, self._around, self._changed)
        return self._services[key]

    def _end(self, run: RayServiceRun) -> None:
        self._leaving.add(run)
        task = asyncio.create_task(run.stop(), name=f"stop RayService {run.plan.key}")
        self._ending.add(task)
        task.add_done_callback(lambda done: self._ended(run, done))

    def _ended(self, run: RayServiceRun, task: asyncio.Task[None]) -> None:
        self._leaving.discard(run)
        self._ending.discard(task)
        self._changed()

    async def _current_context(self) -> RayContext:
        """Read once; again while no Ray was found, since it may have been installed meanwhile."""
        if self._context is None or self._context.engine_problem:
            context = await asyncio.to_thread(read_ray_context, self._home, self._mode)
            self._context = msgspec.structs.replace(context, folder_of=self._folder_of)
        if self._around is None:
            await asyncio.to_thread(self._remove_remains)
            self._around = Surroundings(
                home=self._home,
                slots=StartSlots(max(2, self._context.machine.cores)),
                weights=self._weights,
                drain=self._drain,
            )
        return self._context

    def _remove_remains(self) -> None:
        """What a yard left that was killed."""
        for folder in (self._clusters, temporary_root(self._clusters)):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _clusters(self) -> str:
        return str(self._home.root / "ray")

    def _changed(self) -> None:
        if not self._notified:
            self._notified = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._notified = False
        self._state.put("ray", self.replicas())
        self._on_change()


def read_ray_context(home: Home, mode: EngineMode) -> RayContext:
    """What plans depend on, read now. Asks interpreters, so it takes a moment: call it off the loop."""
    engine = None if mode is EngineMode.SIM else find_ray()
    machine = read_machine(_as_vllm(engine)) if engine is not None else read_machine()
    return RayContext(
        home=str(home.root),
        machine=machine,
        python=engine.python if engine is not None else "",
        has_vllm=engine is not None and bool(engine.vllm),
        gpus=count_gpus() if machine.has_gpu else 0,
        packages=engine.packages if engine is not None else {},
        engine_problem=NOT_SIMULATED if mode is EngineMode.SIM else "" if engine is not None else NO_RAY,
        environment=frozenset(os.environ),
    )


def _as_vllm(engine: RayEngine) -> VllmEngine:
    """Ray without vLLM leaves GPUs to applications of any kind."""
    cpu = engine.cpu_build and bool(engine.vllm)
    return VllmEngine(python=engine.python, version=engine.vllm, cpu_build=cpu, found_by=engine.found_by)
