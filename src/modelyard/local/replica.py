"""One replica's life: prepare, start, probe, restart after its end, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from modelyard.local.backoff import Backoff
from modelyard.local.health_watch import HealthWatch
from modelyard.local.home import Home
from modelyard.local.log_tail import last_line
from modelyard.local.pre_stop import run_hook
from modelyard.local.probes import ContainerHealth, ProbeKind
from modelyard.local.process import EngineProcess
from modelyard.local.replica_files import make_directories, remove_directories, remove_stale_files, write_files
from modelyard.local.replica_plan import HUB_TOKENS, NeededWeights, ReplicaPlan
from modelyard.local.start_slots import StartSlots
from modelyard.local.status import LocalPod, Phase, ReplicaStatus
from modelyard.local.weights_provider import WeightsMissing, WeightsProvider
from modelyard.resources.source_table import how_to_say_where

log = logging.getLogger(__name__)

Drain = Callable[[LocalPod], Awaitable[None]]


class Replica:
    """Runs one plan until stopped. ``changed`` is called whenever ``status()`` would differ."""

    def __init__(
        self,
        plan: ReplicaPlan,
        *,
        home: Home,
        slots: StartSlots,
        weights: WeightsProvider,
        changed: Callable[[], None],
        restarts: int = 0,
    ) -> None:
        self.plan = plan
        self._slots, self._weights, self._changed = slots, weights, changed
        self._log = home.log_of(plan.namespace, plan.name)
        self._restarts = restarts
        self._last_exit: int | None = None
        self._phase, self._ready, self._message = Phase.PENDING, False, "about to start"
        self._since = time.time()
        self.ready_at = 0.0
        """When it last became ready: seconds, CLOCK_MONOTONIC."""
        self._process: EngineProcess | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, after: Awaitable[object] | None = None) -> None:
        """Begin, once ``after`` (a predecessor that still stops) is over."""
        self._task = asyncio.create_task(self._live(after), name=f"replica {self.plan.key}")

    async def stop(self, drain: Drain | None = None) -> None:
        """Report it not ready, wait for its requests and its preStop hook, stop its process; all within its grace
        period."""
        served = self._phase is Phase.RUNNING
        self._become(Phase.STOPPING, ready=False, message="finishing its requests" if drain and served else "stopping")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._process is not None:
            began = time.monotonic()
            problem = await self._drained(drain if served else None)
            self._become(Phase.STOPPING, message=problem or "stopping")
            left = self.plan.grace - (time.monotonic() - began)
            self._last_exit = await self._process.stop(max(1.0, left))
            self._process = None
        await asyncio.to_thread(remove_directories, self.plan)
        self._become(Phase.STOPPED, message="stopped")

    @property
    def ready(self) -> bool:
        """It may get requests."""
        return self._ready

    @property
    def phase(self) -> Phase:
        """Where it is in its life."""
        return self._phase

    def update(self, plan: ReplicaPlan) -> None:
        """Take over a plan that needs no restart: its labels and the content of its files may differ."""
        old, self.plan = self.plan, plan
        if old.files != plan.files and self._phase is not Phase.PENDING:
            with contextlib.suppress(OSError):
                write_files(plan)
                remove_stale_files(old, plan)
        self._changed()

    def status(self) -> ReplicaStatus:
        """It, now."""
        plan = self.plan
        return ReplicaStatus(
            name=plan.name,
            namespace=plan.namespace,
            deployment=plan.deployment,
            labels=plan.labels,
            engine=plan.engine,
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
            settings=plan.settings,
        )

    def pod(self) -> LocalPod:
        """It, as a Pod."""
        plan = self.plan
        return LocalPod(
            name=plan.name,
            namespace=plan.namespace,
            labels=plan.labels,
            ip=plan.address,
            ports={port.container: port.local for port in plan.ports},
            ready=self._ready,
            reason="" if self._ready else f"{self._phase.value}: {self._message}",
            engine=plan.engine,
        )

    def _become(self, phase: Phase, *, ready: bool = False, message: str = "") -> None:
        if (phase, ready) != (self._phase, self._ready):
            self._since = time.time()
        elif message == self._message:
            return
        if ready and not self._ready:
            self.ready_at = time.monotonic()
        self._phase, self._ready, self._message = phase, ready, message
        self._changed()

    def _wait_for(self, what: str) -> None:
        self._become(Phase.PENDING, message=what)

    async def _live(self, after: Awaitable[object] | None) -> None:
        if after is not None:
            self._wait_for("its predecessor to stop")
            await after
        backoff, first = Backoff(), True
        while True:
            began = time.monotonic()
            try:
                await self._prepare(anew=first)
                began = time.monotonic()
                why = await self._run_once()
            except (WeightsMissing, OSError) as error:
                why = str(error)
            except Exception as error:
                log.exception("replica %s", self.plan.key)
                why = f"a fault of Modelyard itself: {error!r}"
            first = False
            backoff = backoff.after_run(time.monotonic() - began)
            self._become(Phase.BACKOFF, message=f"{why}; starts again in {backoff.delay:.0f} s")
            await asyncio.sleep(backoff.delay)
            self._restarts += 1

    async def _prepare(self, *, anew: bool) -> None:
        """Folders, files and weights. Raises WeightsMissing and OSError."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(make_directories, self.plan, anew=anew)
        await asyncio.to_thread(write_files, self.plan)
        for needed in self.plan.weights:
            await self._provide(needed)

    async def _provide(self, needed: NeededWeights) -> None:
        """The files of one model or adapter, fetched once for all replicas."""
        token = next((self.plan.env[name] for name in HUB_TOKENS if name in self.plan.env), None)
        try:
            folder = await self._weights.provide(needed.source, self._wait_for, adapter=needed.adapter, token=token)
        except WeightsMissing as error:
            next_step = how_to_say_where(needed.name, adapter=needed.adapter)
            raise WeightsMissing(f"{error}; {next_step}") from error
        if needed.prefetch:
            await self._weights.prefetch(folder, self._wait_for)

    async def _run_once(self) -> str:
        """From start to end of one process; returns why it ended. Raises OSError."""
        async with self._slots.turn(self._wait_for) as turn:
            self._check_port()
            await self._start_process()
            process = self._process
            assert process is not None
            ended = asyncio.ensure_future(process.wait())
            probing = asyncio.create_task(self._probe(turn.over))
            try:
                await asyncio.wait({ended, probing}, return_when=asyncio.FIRST_COMPLETED)
                why, grace = ("", None) if ended.done() else probing.result()
            finally:
                probing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await probing
            if not ended.done():
                self._become(Phase.STOPPING, message=why)
                await process.stop(self.plan.grace if grace is None else grace)
            self._last_exit = await ended
            self._process = None
        return why or self._end_in_words(self._last_exit)

    def _end_in_words(self, code: int) -> str:
        how = f"signal {code - 128}" if code > 128 else f"exit code {code}"
        line = last_line(self._log)
        return f"ended with {how}" + (f" ({line})" if line and code not in (0, 137, 143) else "")

    def _check_port(self) -> None:
        """Another program on this address would be taken for the replica."""
        port = self.plan.ports[0].local
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.plan.address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise OSError(f"{self.plan.address}:{port} is used by another program") from error
                raise

    async def _start_process(self) -> None:
        """A cancelled start still leaves the process known, so that it is stopped."""
        plan = self.plan
        env, folder = {**plan.service_links, **plan.env}, Path(plan.directory)
        starting = asyncio.create_task(
            EngineProcess.start(plan.argv, env=env, directory=folder, log=self._log, temporary=plan.temporary)
        )
        try:
            self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._process = await starting
            raise
        self._become(Phase.STARTING, message="the engine loads")

    async def _drained(self, drain: Drain | None) -> str:
        """Returns what went wrong, for people. An engine that dies meanwhile has nothing left to wait for."""
        hook = self.plan.pre_stop
        if self._process is None or (drain is None and hook is None):
            return ""
        ended: asyncio.Future[object] = asyncio.ensure_future(self._process.wait())
        work: list[Awaitable[object]] = [] if drain is None else [drain(self.pod())]
        if hook is not None:
            env = {**os.environ, **self.plan.env}
            work.append(run_hook(hook, env=env, directory=Path(self.plan.directory), seconds=self.plan.grace))
        waiting: asyncio.Future[list[object]] = asyncio.ensure_future(asyncio.gather(*work))
        both: set[asyncio.Future[Any]] = {ended, waiting}
        await asyncio.wait(both, timeout=self.plan.grace, return_when=asyncio.FIRST_COMPLETED)
        over = waiting.done() and not waiting.cancelled() and waiting.exception() is None
        problem = str(waiting.result()[-1]) if over and hook is not None else ""
        for task in both:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        return problem

    async def _probe(self, started: Callable[[], None]) -> tuple[str, float | None]:
        """Ask the probes for as long as the process lives; returns the reason, and a grace, when one of them ends it.
        ``started`` is called when it is ready."""

        def on_change(health: ContainerHealth, kind: ProbeKind | None, problem: str) -> None:
            if health.ready:
                started()
            self._on_health(health, kind, problem)

        return await HealthWatch(self.plan, on_change).run()

    def _on_health(self, health: ContainerHealth, kind: ProbeKind | None, problem: str) -> None:
        if health.ready:
            self._become(Phase.RUNNING, ready=True)
        elif kind is not ProbeKind.LIVENESS:
            phase = Phase.RUNNING if self._phase is Phase.RUNNING else Phase.STARTING
            self._become(phase, message=f"{kind.value} probe: {problem}" if kind else "the engine loads")
