"""One Ray cluster's life: prepare, start its head, deploy, watch, restart after its end, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from modelyard.local.backoff import Backoff
from modelyard.local.engine_folders import TEMPORARY_VARIABLE, lasting_caches
from modelyard.local.home import Home
from modelyard.local.log_tail import last_line
from modelyard.local.process import EngineProcess
from modelyard.local.ray.conditions import ClusterView
from modelyard.local.ray.deployment import Deployment
from modelyard.local.ray.free_ports import free_ports
from modelyard.local.ray.head_command import HeadPorts, head_command, temporary_directory
from modelyard.local.ray.ray_plan import ENGINE_NAME, RayClusterPlan, RayServicePlan
from modelyard.local.ray.ray_settings import NODE_ADDRESS
from modelyard.local.ray.serve_api import ServeApi
from modelyard.local.start_slots import StartSlots
from modelyard.local.status import LocalPod, Phase, ReplicaStatus
from modelyard.local.temporary_folders import make_private_folder, make_temporary_folder, remove_temporary_folder
from modelyard.local.weights_provider import WeightsMissing, WeightsProvider

log = logging.getLogger(__name__)

Drain = Callable[[LocalPod], Awaitable[None]]

STOP_SECONDS = 5.0
"""Between SIGTERM and SIGKILL once no request is left. Ray has nothing to save: its head ends the other processes
within two seconds, and then stays for another eight by itself."""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the clusters of one yard share."""

    home: Home
    slots: StartSlots
    weights: WeightsProvider | None = None
    drain: Drain | None = None


class RayCluster:
    """Runs one cluster plan with the applications of its service until stopped. ``changed`` is called whenever
    ``view()`` or ``replica()`` would differ."""

    def __init__(
        self, plan: RayClusterPlan, service: RayServicePlan, around: Surroundings, changed: Callable[[], None]
    ) -> None:
        self.plan, self.service = plan, service
        self.spec_hash = service.spec_hash
        self._around, self._changed = around, changed
        self._log = around.home.log_of(plan.namespace, plan.name)
        self._temporary = temporary_directory(plan.directory)
        self._deployment = Deployment(plan, service, around.weights, self._progress)
        self._phase, self._ready, self._message = Phase.PENDING, False, "about to start"
        self._since = time.time()
        self._restarts = 0
        self._last_exit: int | None = None
        self._process: EngineProcess | None = None
        self._metrics_port = 0
        self._answered = False
        self._task: asyncio.Task[None] | None = None

    # ── from outside ──

    def start(self, after: Awaitable[object] | None = None) -> None:
        """Begin, once ``after`` (a predecessor at the same address) is over."""
        self._task = asyncio.create_task(self._live(after), name=f"ray cluster {self.plan.key}")

    def update(self, service: RayServicePlan) -> None:
        """Take over another configuration of the applications; they change while the cluster runs."""
        self.service = service
        self._deployment.want(service)
        self._changed()

    @property
    def ready(self) -> bool:
        """Whether its proxy serves."""
        return self._ready

    async def stop(self, longest_drain: float) -> None:
        """Report it not ready, wait for its requests for at most ``longest_drain`` seconds, end it."""
        drain = self._around.drain if self._ready else None
        self._become(Phase.STOPPING, ready=False, message="finishing its requests" if drain else "stopping")
        if drain is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(longest_drain):
                    await drain(self.pod())
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._process is not None:
            self._become(Phase.STOPPING, message="stopping")
            self._last_exit = await self._process.stop(STOP_SECONDS)
            self._process = None
        await asyncio.to_thread(self._remove_directories)
        self._become(Phase.STOPPED, message="stopped")

    def view(self) -> ClusterView:
        """It, for conditions."""
        return ClusterView(
            name=self.plan.name,
            serving=self._ready,
            message=self._message,
            status=self._deployment.status,
            traffic_percent=100 if self._ready else 0,
        )

    def replica(self) -> ReplicaStatus:
        """It, as ``ps`` shows every replica."""
        plan = self.plan
        return ReplicaStatus(
            name=plan.name,
            namespace=plan.namespace,
            deployment=self.service.name,
            labels=self._labels(),
            engine=ENGINE_NAME,
            address=plan.address,
            ports=plan.ports,
            phase=self._phase,
            ready=self._ready,
            since=self._since,
            message=self._message,
            restarts=self._restarts,
            last_exit=self._last_exit,
            pid=self._process.pid if self._process else None,
            log_path=str(self._log),
            settings=self.service.settings,
        )

    def pod(self, *, serving: bool = True) -> LocalPod:
        """It, as a Pod. ``serving`` False: another cluster has its traffic."""
        plan, ready = self.plan, self._ready and serving
        return LocalPod(
            name=plan.name,
            namespace=plan.namespace,
            labels=self._labels(),
            ip=plan.address,
            ports={port.container: port.local for port in plan.ports},
            ready=ready,
            reason="" if ready else f"{self._phase.value}: {self._message}",
            engine=ENGINE_NAME,
            metrics_url=f"http://{NODE_ADDRESS}:{self._metrics_port}/metrics" if self._metrics_port else "",
        )

    def _labels(self) -> dict[str, str]:
        return {**self.service.labels, "ray.io/cluster": self.plan.name}

    # ── its life ──

    def _become(self, phase: Phase, *, ready: bool = False, message: str = "") -> None:
        if (phase, ready) != (self._phase, self._ready):
            self._since = time.time()
        elif message == self._message:
            return
        self._phase, self._ready, self._message = phase, ready, message
        self._changed()

    def _progress(self, message: str, ready: bool) -> None:
        """From the deployment: what it waits for, or that it serves."""
        if self._phase in (Phase.STOPPING, Phase.STOPPED):
            return
        self._become(Phase.RUNNING if ready else self._loading_phase(), ready=ready, message=message)

    def _loading_phase(self) -> Phase:
        if self._process is None:
            return Phase.PENDING
        return Phase.RUNNING if self._phase is Phase.RUNNING else Phase.STARTING

    async def _live(self, after: Awaitable[object] | None) -> None:
        if after is not None:
            self._become(Phase.PENDING, message="its predecessor to stop")
            await after
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                await asyncio.to_thread(self._make_directories)
                await self._deployment.fetch()
                began = time.monotonic()
                why = await self._run_once()
            except (OSError, WeightsMissing, ValueError) as error:
                why = str(error)
            except Exception as error:
                log.exception("Ray cluster %s", self.plan.key)
                why = f"a fault of Modelyard itself: {error!r}"
            backoff = backoff.after_run(time.monotonic() - began)
            self._become(Phase.BACKOFF, message=f"{why}; starts again in {backoff.delay:.0f} s")
            await asyncio.sleep(backoff.delay)
            self._restarts += 1

    async def _run_once(self) -> str:
        """From start to end of one head; returns why it ended. Raises OSError."""
        async with self._around.slots.turn(lambda what: self._become(Phase.PENDING, message=what)) as turn:
            token = await asyncio.to_thread(self._new_token)
            ports = await asyncio.to_thread(HeadPorts.of, free_ports)
            await self._start_process(ports)
            process = self._process
            assert process is not None
            serve = f"http://{self.plan.address}:{self.plan.ports[0].local}"
            api = ServeApi(f"http://{self.plan.address}:{self._dashboard_port()}", serve, token)
            ended = asyncio.ensure_future(process.wait())
            watching = asyncio.create_task(self._deployment.run(api, turn.over))
            try:
                await asyncio.wait({ended, watching}, return_when=asyncio.FIRST_COMPLETED)
                why = "" if ended.done() else _outcome(watching)
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await watching
                await api.close()
            if not ended.done():
                self._become(Phase.STOPPING, message=why)
                await process.stop(STOP_SECONDS)
            self._become(Phase.STOPPING, message="its head has ended; what is left of it stops")
            self._last_exit = await ended
            self._process = None
            self._answered = bool(self._deployment.status.applications)
            self._deployment.forget()
        return why or self._end_in_words(self._last_exit)

    def _dashboard_port(self) -> int:
        return next(port.local for port in self.plan.ports if port.name == "dashboard")

    async def _start_process(self, ports: HeadPorts) -> None:
        """A cancelled start still leaves the process known, so that it is stopped."""
        env = {
            TEMPORARY_VARIABLE: self._temporary,
            **lasting_caches(str(self._around.home.root), os.environ),
            **self.plan.env,
            "RAY_AUTH_TOKEN_PATH": str(self._token_file),
            "RAY_TMPDIR": self._temporary,
            "DASHBOARD_METRIC_PORT": str(ports.dashboard_metrics),
        }
        command = head_command(self.plan, ports, self._temporary, self._dashboard_port())
        starting = asyncio.create_task(
            EngineProcess.start(
                command, env=env, directory=Path(self.plan.directory), log=self._log, temporary=self._temporary
            )
        )
        try:
            self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._process = await starting
            raise
        self._metrics_port = ports.metrics
        self._become(Phase.STARTING, message="the Ray head starts")

    def _end_in_words(self, code: int) -> str:
        how = f"signal {code - 128}" if code > 128 else f"exit code {code}"
        line = "" if self._answered or code in (0, 137, 143) else last_line(self._log)
        return f"the Ray head ended with {how}" + (f" ({line})" if line else "")

    # ── files ──

    @property
    def _token_file(self) -> Path:
        return Path(self.plan.directory) / "token"

    def _make_directories(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._remove_directories()
        make_private_folder(self.plan.directory)
        make_temporary_folder(self._temporary)

    def _remove_directories(self) -> None:
        remove_temporary_folder(self._temporary)
        shutil.rmtree(self.plan.directory, ignore_errors=True)

    def _new_token(self) -> str:
        token = secrets.token_hex(32)
        self._token_file.unlink(missing_ok=True)
        self._token_file.touch(mode=0o600)
        self._token_file.write_text(token)
        return token


def _outcome(watching: asyncio.Task[str]) -> str:
    """Why the watch ended. A fault of our own ends the head too, and it is tried again."""
    error = watching.exception()
    if error is None:
        return watching.result()
    log.error("the watch of a Ray cluster failed", exc_info=error)
    return f"the watch of the cluster failed: {error!r}"
