"""A running yard: manifests in, snapshots and replicas out."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping

from modelyard import __version__
from modelyard.admin.server import AdminServer
from modelyard.control.addresses import Binding, NoAddress
from modelyard.control.clock_text import utc_now
from modelyard.control.commands import command_routes
from modelyard.control.configuration import Configuration
from modelyard.control.draining import until_drained
from modelyard.control.envoy_edge import EnvoyEdge
from modelyard.control.free_addresses import require_free
from modelyard.control.front_door import front_door
from modelyard.control.local_pods import pod_endpoints
from modelyard.control.planned_bindings import planned_bindings
from modelyard.control.restarted import restarted
from modelyard.control.settings import ControlSettings
from modelyard.control.sources import sources_in_force
from modelyard.control.url_resources import url_endpoints, url_resources
from modelyard.control.weights_provider import FetchingProvider, weights_root
from modelyard.control.worker_pool import EXT_PROC, PROXY, WorkerPool
from modelyard.control.worker_socket import default_socket_path
from modelyard.control.workloads import Workloads
from modelyard.control.yard_file import YardFile, remove_yard_file, write_yard_file
from modelyard.control.yard_view import YardView, in_url
from modelyard.fleet.backends import BackendSpec
from modelyard.fleet.discovery import backends_of
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.local.status import LocalPod, ReplicaStatus
from modelyard.manifests.reading import ReadResult
from modelyard.manifests.watching import watch_manifests
from modelyard.resources.resource_set import ResourceSet, encode_objects
from modelyard.resources.source_table import SourceTable
from modelyard.routing.conditions import Fault
from modelyard.scrape.scraper import Scraper
from modelyard.snapshot import Snapshot, build_snapshot
from modelyard.worker.protocol import Configure, SocketBinding

log = logging.getLogger(__name__)


class Yard:
    """The control process of ``modelyard up`` and ``modelyard gateway``."""

    def __init__(
        self, settings: ControlSettings, read: ReadResult, *, on_change: Callable[[], None] = lambda: None
    ) -> None:
        """``read`` must be free of errors. ``on_change`` hears that something worth showing changed."""
        self.settings = settings
        self._on_change = on_change
        self._last_read = read
        self._urls = url_endpoints(settings.urls)
        self.configuration = Configuration.first(read)
        self._joined: tuple[ResourceSet, ResourceSet] | None = None
        """The manifests in force, and with what is added to them."""
        self.snapshot: Snapshot = self._build()
        self.refused: Mapping[tuple[str, str], Fault] = {}
        """Gateways that are not bound because they ask for an address that they cannot have."""
        self.bindings: tuple[Binding, ...] = ()
        self.bindings = self._plan_bindings()
        self.applied_at = utc_now()
        self.admin_port = settings.admin_port
        self.view = YardView(self)
        self.edge: EnvoyEdge | None = None
        """Envoy, where it takes the clients' requests; None: the workers do."""
        if settings.envoy is not None:
            self.edge = EnvoyEdge(settings, settings.envoy, on_change, self._picks)
        self.workers = WorkerPool(
            settings.workers,
            default_socket_path(settings.home.root, "workers" if self.edge is None else "pickers"),
            kind=PROXY if self.edge is None else EXT_PROC,
            access_log=settings.access_log or str(settings.home.logs / "access.log"),
            on_failure=self._endpoint_failed,
            on_configured=on_change,
            on_missing=self._model_missing,
        )
        self._admin = AdminServer(self.view, command_routes(self))
        self.weights = FetchingProvider(weights_root(settings.home))
        self._scraper: Scraper | None = None
        self._backends: Mapping[BackendKey, BackendSpec] = {}
        self.workloads: Workloads | None = None
        """What runs here; None where this yard runs nothing."""
        self._watcher: asyncio.Task[None] | None = None
        self._applying = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # ── life ──

    async def start(self) -> None:
        """Bind, start workers, replicas and watching. Raises OSError where the admin address is taken, and
        AddressUnusable for a Gateway's."""
        self.settings.home.logs.mkdir(parents=True, exist_ok=True)
        self.admin_port = await self._admin.start(self.settings.admin_host, self.settings.admin_port)
        self._scraper = Scraper(self._fleet_changed)
        inherited = await self.workers.listen()
        if not inherited or self.edge is not None:
            require_free(self.bindings)
        if self.edge is not None:
            await self.edge.start()
        self.workers.start()
        if self.settings.run_local:
            self.workloads = Workloads(
                self.settings,
                self.weights,
                self._scraper,
                drain=self._drained,
                awaited=self.workers.waiting_for_loads,
                known=self.workers.everyone_knows,
                on_pods=self._watch_backends,
                on_change=self._on_change,
            )
        await self._apply()
        if self.settings.paths:
            self._watcher = asyncio.create_task(restarted(self._watch, "watching the manifests"))
        self._write_yard_file()

    async def stop(self) -> None:
        """Drain, stop everything, leave nothing behind."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self.edge is not None:
            await self.edge.stop()
        await self.workers.stop(self.settings.drain_seconds)
        if self.workloads is not None:
            await self.workloads.stop()
        if self._scraper is not None:
            await self._scraper.close()
        await self._admin.stop()
        remove_yard_file(self.settings.home)

    def hurry(self) -> None:
        """End the drain of a running ``stop`` now."""
        if self.edge is not None:
            self.edge.hurry()
        self.workers.kill()

    # ── applying ──

    async def _watch(self) -> None:
        settings = self.settings
        await watch_manifests(settings.paths, self._manifests_changed, last=self._last_read, extra=settings.piped)

    def _manifests_changed(self, read: ReadResult) -> None:
        self._last_read = read
        task = asyncio.create_task(self._take_reading(read))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_reading(self, read: ReadResult) -> None:
        """Put a new reading in force, or keep the last good one. Whatever goes wrong here is told, never raised."""
        async with self._applying:
            before = self.configuration
            wanted = before.after(read)
            for error in wanted.errors:
                log.error("manifests: %s (generation %d keeps serving)", error, before.generation)
            if wanted.generation == before.generation:
                self.configuration = wanted
            else:
                await self._take_configuration(before, wanted)
        self._on_change()

    async def _take_configuration(self, before: Configuration, wanted: Configuration) -> None:
        self.configuration = wanted
        try:
            self.snapshot = self._build()
        except Exception as problem:
            log.exception("manifests: generation %d could not be compiled", wanted.generation)
            self.configuration = before.refusing(f"the manifests could not be compiled: {problem!r}")
            return
        try:
            self.bindings = self._plan_bindings()
        except NoAddress as problem:
            log.error("manifests: %s; the old sockets stay", problem)
        self.applied_at = utc_now()
        await self._apply()
        self._write_yard_file()
        log.info("manifests: generation %d is in force", self.configuration.generation)

    async def _apply(self) -> None:
        if self.workloads is not None:
            await self.workloads.apply(self.resource_set, self.sources)
        else:
            self._watch_backends()
        order = self._order()
        if self.edge is not None:
            self.edge.apply(self.snapshot, self.resource_set, self.bindings, order)
        self.workers.configure(order)

    def _picks(self) -> bool:
        """The workers serve, and know which endpoints are ready."""
        return self.workers.generation > 0 and self._scraper is not None and self._scraper.looked

    def _order(self) -> Configure:
        bound = self.bindings if self.edge is None else ()
        return Configure(
            generation=self.configuration.generation,
            resources=encode_objects(self.resource_set),
            bindings=tuple(SocketBinding(group=b.group, host=b.host, port=b.local_port, tls=b.tls) for b in bound),
            gateway_class=self.settings.gateway_class,
            body_limit=self.settings.body_limit,
            endpoint_header=self.settings.endpoint_header,
            adapter_wait=self.settings.adapter_wait,
            ext_proc=None if self.edge is None else self.edge.picker,
        )

    def _build(self) -> Snapshot:
        snapshot = build_snapshot(
            self.resource_set,
            generation=self.configuration.generation,
            gateway_class=self.settings.gateway_class,
        )
        for problem in snapshot.problems:
            log.warning("manifests: %s", problem)
        return snapshot

    @property
    def resource_set(self) -> ResourceSet:
        """The manifests in force, with what stands for bare addresses, or a Gateway where there is none."""
        written = self.configuration.resources
        if self._joined is None or self._joined[0] is not written:
            added = [*url_resources()] if self._urls else [*front_door(written)] if self.settings.run_local else []
            self._joined = (written, ResourceSet.of([*written, *added])[0] if added else written)
        return self._joined[1]

    @property
    def sources(self) -> SourceTable:
        """Where the manifests' models are taken from."""
        return sources_in_force(self.resource_set, self.settings.sources)

    def _plan_bindings(self) -> tuple[Binding, ...]:
        planned, self.refused = planned_bindings(
            self.snapshot.table.listeners,
            bind=self.settings.bind,
            ports=self.settings.ports,
            may_bind_privileged=os.geteuid() == 0 and self.settings.bind_privileged,
            before=self.bindings,
        )
        return planned

    # ── the fleet ──

    def _watch_backends(self) -> None:
        if self._scraper is not None:
            pods = pod_endpoints(self.workloads.pods() if self.workloads is not None else ())
            self._backends = backends_of(self.resource_set, pods, self._urls)
            self._scraper.set_backends(self._backends)
            self._tell_edge(self._scraper)

    async def _drained(self, pod: LocalPod) -> None:
        self._watch_backends()
        await until_drained(self.workers, pod)

    def _fleet_changed(self, fleet: Fleet) -> None:
        """Envoy hears first, so that no worker picks an endpoint that Envoy does not know."""
        if self._scraper is not None:
            self._tell_edge(self._scraper)
        self.workers.update_fleet(fleet, checked=self._scraper is None or self._scraper.looked)
        self._on_change()

    def _tell_edge(self, scraper: Scraper) -> None:
        if self.edge is not None:
            self.edge.update(self._backends, scraper.fleet)

    def _endpoint_failed(self, address: str, at: float) -> None:
        if self._scraper is not None:
            self._scraper.report_failure(address, at)

    def _model_missing(self, address: str, engine_name: str) -> None:
        if self._scraper is not None:
            self._scraper.model_missing(address, engine_name)

    @property
    def current_fleet(self) -> Fleet:
        return self._scraper.fleet if self._scraper is not None else Fleet()

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Everything that this yard runs: replicas of Deployments, and Ray clusters, each as one."""
        return self.workloads.replicas() if self.workloads is not None else ()

    def _write_yard_file(self) -> None:
        addresses = tuple(address for gateway in self.view.gateways() for address in gateway["addresses"])
        write_yard_file(
            self.settings.home,
            YardFile(
                pid=os.getpid(),
                admin_url=f"http://{in_url(self.settings.admin_host)}:{self.admin_port}",
                addresses=addresses,
                started=time.time(),
                version=__version__,
            ),
        )
