"""The reconciler as a sidecar of one engine: the configuration file is watched, one replica is kept as it says.

What the inference extension's LoRA syncer does, with its file, flags and metric. It cannot see the gateway, so a new
version of an adapter replaces the old one under the same name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from modelyard.lora.adapter import Fetch, ReplicaView
from modelyard.lora.condition import AdapterStatus, Reason
from modelyard.lora.engine_limits import EngineLimits
from modelyard.lora.lora_config import LoraConfig, read_lora_config
from modelyard.lora.reconciler import Reconciler, gauge
from modelyard.lora.slots import SlotPolicy
from modelyard.lora.store import AdapterStore
from modelyard.telemetry import catalogue
from modelyard.telemetry.exposition import CONTENT_TYPE, render

log = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between looks at the file. It is read whole each time: kubelet swaps a ConfigMap's folder by a symlink, and
not every file system tells of that."""
MAX_FILE = 1024 * 1024
"""Bytes; a ConfigMap holds no more."""


class SidecarSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says."""

    config: Path
    health_timeout: float = 300.0
    """Seconds until it is told that the engine is still not healthy; waiting goes on."""
    health_interval: float = 2.0
    trigger: float = 5.0
    """Seconds between looks at the engine where nothing changed."""
    metrics_host: str = "0.0.0.0"
    metrics_port: int = 8080
    adapters_dir: Path | None = None
    """A folder that the engine has at the same path; None: sources are given to the engine as they are written."""
    limits: EngineLimits = EngineLimits()
    policy: SlotPolicy = SlotPolicy.SWAP
    api_key: str = ""


class Sidecar:
    """Runs until cancelled. Nothing in the file or of the engine ends it."""

    def __init__(self, settings: SidecarSettings, fetch: Fetch) -> None:
        self._settings, self._fetch = settings, fetch
        self._config: LoraConfig | None = None
        self._text: str | None = None
        self._problem = ""
        self._told: dict[str, tuple[bool, Reason, str]] = {}
        self._reconciler: Reconciler | None = None

    async def run(self, ready: Callable[[int], None] = lambda port: None) -> None:
        """``ready`` hears the metrics port. Raises OSError where that is taken."""
        store = AdapterStore(self._settings.adapters_dir) if self._settings.adapters_dir is not None else None
        self._reconciler = Reconciler(
            self._fetch, store=store, beside=False, period=self._settings.trigger, on_change=self._tell
        )
        runner = await self._serve_metrics(ready)
        health = asyncio.create_task(self._watch_health())
        try:
            while True:
                await self._look()
                await asyncio.sleep(POLL)
        finally:
            health.cancel()
            await asyncio.gather(health, return_exceptions=True)
            await self._reconciler.close()
            await runner.cleanup()

    def metrics(self) -> str:
        """The metrics page."""
        statuses = self._reconciler.statuses() if self._reconciler is not None else ()
        absent = self._config.absent if self._config is not None else frozenset[str]()
        rows = [((name,), float(value)) for name, value in sorted(gauge(statuses, absent).items())]
        errors = [((), float(bool(self._problem)))]
        return render({catalogue.SYNCER_ADAPTER: rows, catalogue.CONFIG_ERRORS: errors}, ())

    # ── the file ──

    async def _look(self) -> None:
        try:
            text = await asyncio.to_thread(_read, self._settings.config)
            config = self._config if text == self._text else read_lora_config(text, origin=str(self._settings.config))
        except (OSError, ValueError) as problem:
            self._set_problem(str(problem))
            return
        if text != self._text or self._problem:
            self._text, self._config = text, config
            self._set_problem("")
            self._apply()

    def _set_problem(self, problem: str) -> None:
        if problem and problem != self._problem:
            kept = "what it said before stays in force" if self._config is not None else "nothing is loaded yet"
            log.error("lora-sync: %s: %s; %s", self._settings.config, problem, kept)
        self._problem = problem

    def _apply(self) -> None:
        config = self._config
        if config is None or self._reconciler is None:
            return
        for name in config.contradictions:
            log.warning("lora-sync: %s is in ensureExist and ensureNotExist; it is left as it is", name)
        log.info("lora-sync: %d adapters wanted, %d not wanted", len(config.exist), len(config.absent))
        self._reconciler.set_replicas([self._view(config)])

    def _view(self, config: LoraConfig) -> ReplicaView:
        return ReplicaView(
            key=config.name or f"{config.host}:{config.port}",
            url=f"http://{config.host}:{config.port}",
            limits=self._settings.limits,
            policy=self._settings.policy,
            want=config.exist,
            absent=config.absent,
            api_key=self._settings.api_key,
        )

    # ── the engine ──

    async def _watch_health(self) -> None:
        """Say so where the engine takes longer than it should; when it comes, adapters are loaded at once."""
        waited, interval = 0.0, max(0.1, self._settings.health_interval)
        while True:
            await asyncio.sleep(interval)
            reasons = {status.reason for status in self._reconciler.statuses()} if self._reconciler else set()
            if not reasons & {Reason.REPLICA_NOT_READY, Reason.ENGINE_UNREACHABLE}:
                waited = 0.0
                continue
            before, waited = waited, waited + interval
            if before < self._settings.health_timeout <= waited:
                log.error("lora-sync: no engine answers since %.0f s; waiting goes on", waited)

    def _tell(self) -> None:
        """Log what changed."""
        statuses = self._reconciler.statuses() if self._reconciler is not None else ()
        for status in statuses:
            said = (status.loaded, status.reason, status.message)
            if self._told.get(status.adapter) != said:
                self._told[status.adapter] = said
                _log_status(status)

    async def _serve_metrics(self, ready: Callable[[int], None]) -> web.AppRunner:
        """Any path answers, as in the original."""

        async def page(request: web.Request) -> web.Response:
            return web.Response(body=self.metrics().encode(), headers={"content-type": CONTENT_TYPE})

        app = web.Application()
        app.router.add_get("/{path:.*}", page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, self._settings.metrics_host, self._settings.metrics_port).start()
        ready(int(runner.addresses[0][1]))
        return runner


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError(f"is larger than {MAX_FILE:,} bytes")
    return data.decode("utf-8")


def _log_status(status: AdapterStatus) -> None:
    level = logging.INFO if status.loaded or status.reason in _UNDER_WAY else logging.ERROR
    log.log(level, "lora-sync: %s: %s%s", status.adapter, status.reason, f": {status.message}" * bool(status.message))


_UNDER_WAY = (Reason.FETCHING, Reason.LOADING, Reason.REPLACING, Reason.REPLICA_NOT_READY, Reason.UNLOADING)
