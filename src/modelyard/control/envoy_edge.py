"""Envoy in front of a yard (``--edge envoy``): the process, the files that it watches, and the body-based router.

Envoy takes the clients' requests; the yard's workers pick endpoints for it (``modelyard.extproc``). Configuration and
endpoints reach Envoy as files that are replaced by renaming, so neither a change of the manifests nor one of the fleet
restarts it. It ends with the control process, whose watchdog ends what it leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from modelyard.control.addresses import Binding
from modelyard.control.envoy_admin import EnvoyAdmin
from modelyard.control.envoy_configuration import (
    EndpointTable,
    edge_of,
    fleet_endpoints,
    replace_file,
    write_certificates,
    write_config,
)
from modelyard.control.envoy_models import ListedModelPaths
from modelyard.control.ext_proc.ports import free_ports
from modelyard.control.settings import ControlSettings
from modelyard.control.worker_pool import EXT_PROC, WorkerPool
from modelyard.control.worker_socket import default_socket_path
from modelyard.envoy.bootstrap import VERSION, watched_bootstrap, watched_files
from modelyard.envoy.edge import Edge
from modelyard.envoy.settings import EdgeSettings, Processor
from modelyard.envoy.text import commented_yaml
from modelyard.fleet.backends import BackendSpec
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.local.envoy import Envoy
from modelyard.local.process import EngineProcess
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Snapshot
from modelyard.worker.protocol import Configure, ExtProc, GrpcBinding, PickerSettings, RouterSettings

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_END_SECONDS = 3.0
_LISTENER_DRAIN_SECONDS = 3600
"""After this Envoy cuts what is still open on a listener that a change of the manifests has replaced: a streamed answer
takes as long as it takes. Clients are asked to connect anew with the next answer ("immediate")."""
_PATIENCE_SECONDS = 60.0
"""Envoy starts without router and pickers once these cannot be expected to come any more."""
_LOOK_SECONDS = 0.1


class EnvoyEdge:
    """One Envoy with its router. ``picker`` says what the yard's own workers have to serve for it."""

    def __init__(
        self, settings: ControlSettings, envoy: Envoy, on_change: Callable[[], None], picks: Callable[[], bool]
    ) -> None:
        """``picks`` tells whether the workers that pick are ready to. Raises OSError where no port is free."""
        self._envoy = envoy
        self._picks = picks
        self._on_change = on_change
        self._concurrency = settings.workers
        self._drain_seconds = settings.drain_seconds
        self._log = settings.home.logs / "envoy.log"
        self._folder = settings.home.root / "run" / "envoy"
        admin = default_socket_path(settings.home.root, "envoy-admin")
        self._admin = EnvoyAdmin(admin)
        picker, router = free_ports(_LOOPBACK, 2)
        self._settings = EdgeSettings(
            picker=Processor(addresses=((_LOOPBACK, picker),)),
            router=Processor(addresses=((_LOOPBACK, router),)),
            admin=None,
            admin_socket=str(admin),
            certificate_folder=str(self._folder / "certificates"),
            watched_folder=str(self._folder),
            access_log="/dev/stdout",
            body_limit=settings.body_limit,
            endpoint_header=settings.endpoint_header,
            silence=settings.silence,
            http3=True,
            linux_sockets=sys.platform == "linux",
            picks_for_services=True,
            sees_answers=True,
        )
        self._router = WorkerPool(
            1,
            default_socket_path(settings.home.root, "router"),
            kind=EXT_PROC,
            access_log="",
            on_failure=lambda address, at: None,
        )
        self._models = ListedModelPaths()
        self._snapshot: Snapshot | None = None
        self._resources = ResourceSet()
        self._bindings: tuple[Binding, ...] = ()
        self._backends: Mapping[BackendKey, BackendSpec] = {}
        self._fleet = Fleet()
        self._seen: object = None
        self._process: EngineProcess | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._hurried = asyncio.Event()
        self._wanted: frozenset[str] = frozenset()
        """Versions of what was written last and that Envoy tells of."""
        self._written = asyncio.Event()
        self.listening = False
        """Envoy has taken what was written first, and answers."""
        self.generation = 0
        """Of the manifests that Envoy has in force."""
        self.problem = ""
        """What Envoy refused last, for people."""
        self._written_generation = 0
        self.restarts = 0

    @property
    def picker(self) -> ExtProc:
        """The order for the workers that pick."""
        return ExtProc(bindings=_bindings(self._settings.picker), picker=PickerSettings(services=True))

    # ── life ──

    async def start(self) -> None:
        """Start the router; Envoy starts with the first ``apply``."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        await self._router.listen()
        self._router.start()

    async def stop(self) -> None:
        """Take no more connections, let open requests end, then end Envoy and the router."""
        self._stopping = True
        if self._process is not None and self.listening:
            await self._drain()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None:
            await self._process.stop(_END_SECONDS)
        await self._router.stop(0.0)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._admin.forget()

    def hurry(self) -> None:
        """End a drain now."""
        self._hurried.set()

    async def _drain(self) -> None:
        """Wait until nothing is open, somebody is in a hurry, or time is up."""
        until = time.monotonic() + self._drain_seconds
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            await self._admin.stop_listening()
            hurried = asyncio.create_task(self._hurried.wait())
            while await self._admin.open_requests() and not hurried.done() and time.monotonic() < until:
                await asyncio.wait({hurried}, timeout=_LOOK_SECONDS)
            hurried.cancel()

    # ── what is in force ──

    def apply(
        self,
        snapshot: Snapshot,
        resources: ResourceSet,
        bindings: tuple[Binding, ...],
        order: Configure,
    ) -> None:
        """Put a snapshot in force. ``order``: what the workers that pick were told."""
        self._snapshot, self._resources, self._bindings = snapshot, resources, bindings
        self._models.swap(snapshot)
        router = ExtProc(bindings=_bindings(self._settings.router), router=RouterSettings())
        self._router.configure(msgspec.structs.replace(order, ext_proc=router))
        self._seen = None
        self._write()
        self._written_generation = order.generation
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    def update(self, backends: Mapping[BackendKey, BackendSpec], fleet: Fleet) -> None:
        """Tell Envoy which endpoints there are: before the workers are told, so that none picks what Envoy does not
        know. The router needs no endpoint, only what they say of adapters' base models."""
        self._backends, self._fleet = backends, fleet
        self._router.update_fleet(fleet, checked=True)
        self._write()

    def _write(self) -> None:
        """Write what changed, each file after those that it refers to."""
        seen = [
            (state.endpoint.address, state.ready, state.models, state.adapter_names)
            for backend in self._fleet.backends.values()
            for state in backend.endpoints
        ]
        now = (seen, self._backends)
        if self._stopping or self._snapshot is None or now == self._seen:
            return
        self._seen = now
        try:
            endpoints = fleet_endpoints(self._backends, self._fleet)
            models = self._models.paths(self._fleet, {binding.group for binding in self._bindings})
            made = edge_of(self._snapshot, self._resources, self._bindings, self._settings, endpoints, models)
            self._write_files(made, endpoints)
        except OSError as problem:
            self.problem = f"{problem.filename}: {problem.strerror}: Envoy keeps its last configuration"
            self._seen = None
            log.error("%s", self.problem)
        except Exception as problem:
            self.problem = f"no configuration could be made of the manifests: {problem!r}: Envoy keeps its last one"
            log.exception("%s", self.problem)

    def _write_files(self, made: Edge, endpoints: EndpointTable) -> None:
        write_certificates(made, self._folder / "certificates")
        replace_file(self._folder / "bootstrap.yaml", commented_yaml(watched_bootstrap(self._settings)).encode())
        files = watched_files(made, endpoints)
        for name, config in files.items():
            write_config(self._folder / name, config)
        told = (name for name in files if not name.startswith("endpoints_"))
        self._wanted = frozenset(files[name][VERSION] for name in told)
        self._written.set()
        for remark in made.remarks:
            log.warning("envoy: %s", remark)

    # ── the process ──

    async def _keep(self) -> None:
        """Run one Envoy after the other until the yard stops."""
        await self._until_somebody_answers()
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            code = await self._run()
            self.listening, self.generation, self._process = False, 0, None
            self.restarts += 1
            pause = _FIRST_PAUSE if time.monotonic() - began > 10 * _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            log.error("Envoy ended with code %s; it is started again in %.1f s (log: %s)", code, pause, self._log)
            self._on_change()
            await asyncio.sleep(pause)

    async def _until_somebody_answers(self) -> None:
        """Wait for router and pickers, within reason: clients take a closed port for what it is, but not a 503."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while not (self._router.generation and self._picks()) and time.monotonic() < until:  # noqa: ASYNC110 - of others
            await asyncio.sleep(_LOOK_SECONDS / 5)

    async def _run(self) -> int | str:
        command = (
            *(self._envoy.path, "--config-path", str(self._folder / "bootstrap.yaml")),
            *("--concurrency", str(self._concurrency), "--disable-hot-restart", "--log-level", "warning"),
            *("--drain-time-s", str(_LISTENER_DRAIN_SECONDS), "--drain-strategy", "immediate"),
        )
        try:
            self._process = process = await EngineProcess.start(command, env={}, directory=Path("/"), log=self._log)
        except OSError as problem:
            return str(problem)
        watching = asyncio.create_task(self._follow())
        try:
            return await process.wait()
        finally:
            watching.cancel()

    async def _follow(self) -> None:
        """Learn what Envoy has in force, after every change of the files."""
        refused = 0
        while True:
            self._written.clear()
            wanted, generation = self._wanted, self._written_generation
            with contextlib.suppress(OSError, ValueError, KeyError, TimeoutError):
                refused = await self._settled(wanted, refused)
                if not self.listening or generation != self.generation:
                    self.listening, self.generation = True, generation
                    self._on_change()
                await self._written.wait()
                continue
            await asyncio.sleep(_LOOK_SECONDS)

    async def _has(self, wanted: frozenset[str]) -> bool:
        admin = self._admin
        return await admin.is_live() and wanted <= await admin.versions() and await admin.asks_everyone()

    async def _settled(self, wanted: frozenset[str], refused: int) -> int:
        """Wait until Envoy is live and has ``wanted`` in force, or refused it; how often it has refused so far."""
        while not await self._has(wanted):
            now = await self._admin.refusals()
            if now > refused:
                self.problem = f"Envoy refused a part of its configuration and keeps the last one; its log: {self._log}"
                log.error("%s", self.problem)
                return now
            if wanted != self._wanted:
                return refused
            await asyncio.sleep(_LOOK_SECONDS / 5)
        self.problem = ""
        return refused


def _bindings(processor: Processor) -> tuple[GrpcBinding, ...]:
    return tuple(GrpcBinding(host=host, port=port) for host, port in processor.addresses)
