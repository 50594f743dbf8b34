"""The control process of an endpoint picker or a body-based router: sources in, snapshots and fleets out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from modelyard.admin.metrics_server import MetricsServer
from modelyard.admin.server import AdminServer
from modelyard.control.clock_text import utc_now
from modelyard.control.configuration import Configuration
from modelyard.control.ext_proc.certificate_files import follow_certificate, read_certificate, self_signed
from modelyard.control.ext_proc.next_configuration import Change, next_configuration
from modelyard.control.ext_proc.port_lock import AlreadyRunning, PortLock
from modelyard.control.ext_proc.ports import PortTaken, require_free
from modelyard.control.ext_proc.router_models import router_models
from modelyard.control.ext_proc.serving import served
from modelyard.control.ext_proc.settings import ExtProcSettings, Role
from modelyard.control.ext_proc.sources import Source, of_pools
from modelyard.control.ext_proc.view import ExtProcView
from modelyard.control.restarted import restarted
from modelyard.control.worker_pool import EXT_PROC, WorkerPool
from modelyard.findings.objectives import left_from_models
from modelyard.fleet.discovery import backends_of
from modelyard.fleet.fleet import Fleet
from modelyard.manifests.reading import ReadResult
from modelyard.resources.resource_set import ResourceSet, encode_objects
from modelyard.scrape.scraper import Scraper
from modelyard.scrape.settings import ScrapeSettings
from modelyard.snapshot import Snapshot, build_snapshot
from modelyard.telemetry.picker_rows import PickerRows, PickerTotals
from modelyard.worker.protocol import Configure, ExtProc, GrpcBinding, GrpcCertificate, RouterSettings

log = logging.getLogger(__name__)

_decode_rows = msgspec.msgpack.Decoder(PickerRows).decode


class ExtProcControl:
    """The control process of ``modelyard epp`` and ``modelyard bbr``."""

    def __init__(
        self, settings: ExtProcSettings, sources: Sequence[Source], *, on_change: Callable[[], None] = lambda: None
    ) -> None:
        """``sources`` are free of errors at the start. ``on_change`` hears that something worth showing changed."""
        self.settings = settings
        self._sources = tuple(sources)
        self._on_change = on_change
        self.configuration = Configuration.first(self._read())
        self.resources: ResourceSet
        """What is served."""
        self.snapshot: Snapshot
        """As the workers compile it; for what is wrong with it."""
        self.applied_at: str
        """When they were put in force."""
        self._told_problems: frozenset[str] = frozenset()
        self._told_errors: tuple[object, ...] = ()
        self._take(served(self.configuration.resources, settings))
        self.workers = WorkerPool(
            settings.workers,
            settings.socket_path,
            kind=EXT_PROC,
            access_log=settings.access_log,
            on_failure=self._endpoint_failed,
            on_configured=on_change,
            on_missing=self._model_missing,
            on_rows=self._count,
        )
        self.counted = PickerTotals()
        """All workers together."""
        self.view = ExtProcView(self)
        self.metrics_port = settings.metrics_port
        self._metrics = MetricsServer(self.view)
        self._admin = AdminServer(self.view)
        self.admin_port = settings.admin[1] if settings.admin is not None else 0
        self._scraper: Scraper | None = None
        self._certificate: GrpcCertificate | None = None
        self._following: list[asyncio.Task[None]] = []
        self._lock: PortLock | None = None

    # ── life ──

    async def start(self) -> None:
        """Bind, start workers and follow the sources. Raises ``PortTaken``, ``CertificateUnusable``,
        :class:`AlreadyRunning`, and OSError where the folder of the workers' socket cannot be written to."""
        settings = self.settings
        self._lock = _only_one(settings)
        if settings.tls:
            files = settings.tls_files
            self._certificate = self_signed() if files is None else read_certificate(files)
        self.metrics_port = await _bound("--metrics-port", self._metrics.start, settings.host, settings.metrics_port)
        if settings.admin is not None:
            self.admin_port = await _bound("--admin", self._admin.start, *settings.admin)
        if settings.role is Role.PICKER:
            scraping = ScrapeSettings(period=settings.refresh_seconds, metric_names=settings.metric_names)
            self._scraper = Scraper(self._fleet_changed, settings=scraping)
        if not await self.workers.listen():
            host = settings.host
            require_free(
                {"--grpc-port": (host, settings.grpc_port), "--grpc-health-port": (host, settings.health_port)}
            )
        self.workers.start()
        self._apply()
        self._following = [
            asyncio.create_task(restarted(partial(source.follow, self._sources_changed), "following a source"))
            for source in self._sources
        ]
        if settings.tls_files is not None and self._certificate is not None:
            self._following.append(
                asyncio.create_task(
                    follow_certificate(settings.tls_files, self._certificate, self._certificate_changed)
                )
            )

    async def stop(self) -> None:
        """Drain, stop everything, leave nothing behind."""
        for task in self._following:
            task.cancel()
        await self.workers.stop(self.settings.drain_seconds, after=self.settings.drain_delay)
        await asyncio.gather(*self._following, return_exceptions=True)
        if self._scraper is not None:
            await self._scraper.close()
        await self._metrics.stop()
        await self._admin.stop()
        if self._lock is not None:
            self._lock.remove()

    def hurry(self) -> None:
        """End the drain of a running ``stop`` now."""
        self.workers.kill()

    # ── applying ──

    def _read(self) -> ReadResult:
        """What all sources have, as one set."""
        listings = [source.latest for source in self._sources]
        resources, duplicates = ResourceSet.of([item for listing in listings for item in listing.resources])
        broken = [error for listing in listings if listing.withheld for error in listing.errors]
        return ReadResult(resource_set=resources, errors=(*broken, *duplicates))

    def _sources_changed(self) -> None:
        """Put what the sources say now in force, or keep the last good set. What is wrong with it is told once, never
        raised."""
        before = self.configuration
        try:
            self._take_change(next_configuration(before, self._read(), self.settings))
        except Exception as problem:
            self.configuration = before.refusing(str(problem) or type(problem).__name__)
            if self.configuration.errors != before.errors:
                log.exception("what follows generation %d could not be compiled", before.generation)
        self._tell_errors(before)
        if self.configuration.generation == before.generation:
            self._watch_backends()
        else:
            self._apply()
            log.info("generation %d is in force", self.configuration.generation)
        self._on_change()

    def _take_change(self, change: Change) -> None:
        self.configuration = change.configuration
        if change.served is not None:
            self._take(change.served)

    def _tell_errors(self, before: Configuration) -> None:
        """What was told before is not told again."""
        told, now = self._told_errors, self.configuration
        self._told_errors = (*now.errors, *self.remarks)
        for error in self._told_errors:
            if error not in told:
                log.error("%s", error)
        if now.stale and now.errors != before.errors and now.generation == before.generation:
            log.error("generation %d keeps serving", now.generation)

    def _take(self, resources: ResourceSet) -> None:
        snapshot = build_snapshot(resources, generation=self.configuration.generation)
        without_effect = [f"{one.object} {one.message}" for one in left_from_models(resources)]
        problems = (*snapshot.problems, *without_effect)
        told, self._told_problems = self._told_problems, frozenset(problems)
        self.resources, self.snapshot, self.applied_at = resources, snapshot, utc_now()
        for problem in problems:
            if problem not in told:
                log.warning("%s", problem)

    @property
    def remarks(self) -> tuple[object, ...]:
        """What sources say is wrong with single entries that are left out."""
        return tuple(error for source in self._sources if not source.latest.withheld for error in source.latest.errors)

    def _apply(self) -> None:
        self._watch_backends()
        settings = self.settings
        self.workers.configure(
            Configure(
                generation=self.configuration.generation,
                resources=encode_objects(self.resources),
                body_limit=settings.body_limit,
                adapter_wait=settings.adapter_wait,
                ext_proc=ExtProc(
                    bindings=(
                        GrpcBinding(host=settings.host, port=settings.grpc_port, tls=settings.tls),
                        GrpcBinding(host=settings.host, port=settings.health_port, processor=False),
                    ),
                    certificate=self._certificate,
                    tls_minimum=settings.tls_minimum,
                    max_message=settings.max_message,
                    picker=settings.picker,
                    router=self._router,
                ),
            )
        )

    @property
    def _router(self) -> RouterSettings | None:
        router = self.settings.router
        if router is None:
            return None
        return msgspec.structs.replace(router, models=router_models(self.resources, self.snapshot))

    def _certificate_changed(self, certificate: GrpcCertificate) -> None:
        self._certificate = certificate
        self._apply()

    def _count(self, rows: bytes) -> None:
        self.counted.add(_decode_rows(rows))

    # ── the fleet ──

    def _watch_backends(self) -> None:
        """A router has no endpoints, and knows that at once."""
        if self._scraper is None:
            self.workers.update_fleet(Fleet(), checked=True)
            return
        listed = [endpoint for source in self._sources for endpoint in source.latest.endpoints]
        named = of_pools(listed, self.resources.inference_pools.values(), self.settings.pool)
        backends = backends_of(self.resources, urls=named)
        pools = {key: spec for key, spec in backends.items() if key.kind == "InferencePool"}
        place = self.settings.metrics_place
        self._scraper.set_backends(pools if place is None else place.of_all(pools))
        self._fleet_changed(self._scraper.fleet)

    def _fleet_changed(self, fleet: Fleet) -> None:
        self.workers.update_fleet(fleet, checked=self.endpoints_looked_at)
        self._on_change()

    @property
    def endpoints_looked_at(self) -> bool:
        """What is ready is known."""
        return self._scraper is None or self._scraper.looked

    @property
    def fleet(self) -> Fleet:
        return self._scraper.fleet if self._scraper is not None else Fleet()

    def _endpoint_failed(self, address: str, at: float) -> None:
        if self._scraper is not None:
            self._scraper.report_failure(address, at)

    def _model_missing(self, address: str, engine_name: str) -> None:
        if self._scraper is not None:
            self._scraper.model_missing(address, engine_name)


async def _bound(flag: str, start: Callable[[str, int], Awaitable[int]], host: str, port: int) -> int:
    """The port as bound. Raises ``PortTaken``."""
    try:
        return await start(host, port)
    except OSError as problem:
        raise PortTaken((host, port), problem, flag) from problem


def _only_one(settings: ExtProcSettings) -> PortLock:
    """Raises :class:`AlreadyRunning`."""
    try:
        return PortLock(settings.socket_path.with_suffix(".lock"))
    except BlockingIOError:
        raise AlreadyRunning(f"another modelyard {settings.role} serves port {settings.grpc_port}") from None
