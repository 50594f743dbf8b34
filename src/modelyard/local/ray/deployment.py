"""The applications of one cluster: put to Serve, watched, changed in place."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelyard.local.ray.ray_plan import RayClusterPlan, RayServicePlan
from modelyard.local.ray.serve_api import ProxyHealth, ServeApi, ServeRefused, ServeUnreachable
from modelyard.local.ray.serve_status import ServeStatus
from modelyard.local.ray.working_dirs import with_packed
from modelyard.local.replica_plan import HUB_TOKENS
from modelyard.local.weights_provider import WeightsMissing, WeightsProvider

LOOK_SECONDS = 1.0
"""Between two looks at applications that run."""
HURRIED_SECONDS = 0.25
"""Between two looks at applications that do not run yet."""
AGAIN_SECONDS = 5.0
"""Between two attempts at something that failed for a reason outside."""
FAILURES = 2
"""Health checks in a row that the proxy fails until it counts as not serving. A proxy that is gone counts at once."""
SILENCES = 6
"""Health checks of 5 s each without an answer: on a busy machine a proxy is late, and there is no other to ask."""
SILENT_SECONDS = 90.0
"""A head whose dashboard and proxy both say nothing for so long is started anew."""
SILENT_START_SECONDS = 600.0
"""The same before its first answer: on a very busy machine a head takes minutes to start."""

_ENOUGH = {"well": 1, "unwell": FAILURES, "silent": SILENCES, "gone": 1}
_NOT_DEPLOYED = ProxyHealth(state="unwell", problem="nothing is deployed yet")

Progress = Callable[[str, bool], None]


class Deployment:
    """What one cluster should run, and what it runs."""

    def __init__(
        self, plan: RayClusterPlan, service: RayServicePlan, weights: WeightsProvider | None, progress: Progress
    ) -> None:
        """``progress`` hears what is waited for and whether the proxy serves."""
        self._plan, self._wanted = plan, service
        self._weights, self._progress = weights, progress
        self._deployed: Mapping[str, Any] | None = None
        self._dirty = True
        self._fetched: set[str] = set()
        self._refused = ""
        self._undelivered = ""
        """Why the configuration could not be handed over; asking again may help."""
        self._formed = False
        self._served = False
        self._failures = 0
        self._wake = asyncio.Event()
        self.status = ServeStatus()

    def want(self, service: RayServicePlan) -> None:
        """Change what should run."""
        if service.serve_config != self._wanted.serve_config or service.working_dirs:
            self._dirty, self._refused = True, ""
        self._wanted = service
        self._wake.set()

    def forget(self) -> None:
        """The cluster is gone: nothing is deployed any more."""
        self._deployed, self._dirty, self._served = None, True, False
        self._failures, self._undelivered = 0, ""
        self._fetched.clear()
        self.status = ServeStatus()

    async def fetch(self) -> None:
        """Get the files of its models here. Raises WeightsMissing."""
        if self._weights is None:
            return
        for source in self._wanted.sources.keys() - self._fetched:
            await self._weights.provide(source, lambda text: self._progress(text, self._served), token=self._token)
            self._fetched.add(source)

    @property
    def _token(self) -> str | None:
        """The hub's, where the manifest has one."""
        return next((self._plan.env[name] for name in HUB_TOKENS if name in self._plan.env), None)

    async def run(self, api: ServeApi, served: Callable[[], None]) -> str:
        """Deploy and watch for as long as the cluster lives; returns why it must end. ``served`` is called when it
        serves for the first time."""
        heard, patience = time.monotonic(), SILENT_START_SECONDS
        while True:
            self._wake.clear()
            if await self._look(api):
                heard, patience = time.monotonic(), SILENT_SECONDS
            elif time.monotonic() - heard > patience:
                return f"dashboard and proxy say nothing for {patience:.0f} s"
            if self._served:
                served()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next_look()):
                    await self._wake.wait()

    def _until_next_look(self) -> float:
        settled = self._served and not self._dirty and self.status.all_running(self._names)
        return LOOK_SECONDS if settled or self._refused or self._undelivered else HURRIED_SECONDS

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(app.get("name", "default") for app in self._wanted.serve_config.get("applications", ()))

    async def _look(self, api: ServeApi) -> bool:
        """Deploy if that is due, then ask how it is; returns whether anything answered."""
        answered = await self._ask_status(api)
        if answered and self._dirty:
            await self._deploy(api)
            answered = await self._ask_status(api)
        health = await api.health() if self._deployed is not None else _NOT_DEPLOYED
        self._failures = self._failures + 1 if health.problem else 0
        if not self._served:
            self._served = not health.problem and await self._formed_now(api)
        elif self._failures >= _ENOUGH[health.state]:
            self._served = False
        self._formed = self._formed or self._served
        self._progress(self._in_words(health.problem if answered else "the Ray head starts"), self._served)
        return answered or not health.problem

    async def _ask_status(self, api: ServeApi) -> bool:
        try:
            self.status = await api.status()
        except ServeUnreachable:
            return False
        return True

    async def _formed_now(self, api: ServeApi) -> bool:
        """All applications run and the proxy knows their routes. A cluster that once was whole serves with what
        came back, as far as it did."""
        if not self.status.all_running(self._names) and not (self._formed and self.status.any_running()):
            return False
        routes = await api.routes()
        wanted = {app.route_prefix for app in self.status.applications.values() if app.status == "RUNNING"}
        return all(prefix in routes for prefix in wanted if prefix)

    def _in_words(self, problem: str) -> str:
        if self._refused:
            return f"Serve refused serveConfigV2: {self._refused}"
        trouble = self.status.problem()
        if trouble:
            return trouble
        if self.status.all_running(self._names) and self._served:
            return ""
        waiting = self.status.progress(self._names) if self.status.applications else ""
        return self._undelivered or waiting or problem

    async def _deploy(self, api: ServeApi) -> None:
        """Put the wanted configuration, unless it is there already. What fails is said, and tried again where that
        may help."""
        wanted = self._wanted
        try:
            await self.fetch()
            config = await asyncio.to_thread(self._configuration, wanted)
            if config != self._deployed:
                await api.deploy(config)
        except (ServeRefused, OSError) as error:
            self._refused = str(error)
        except WeightsMissing as error:
            self._refused = str(error)
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._again, wanted)
        except ServeUnreachable as error:
            self._undelivered = str(error)
            return
        else:
            self._deployed, self._refused = config, ""
        self._undelivered = ""
        self._dirty = wanted is not self._wanted

    def _again(self, wanted: RayServicePlan) -> None:
        if wanted is self._wanted:
            self._dirty = True
            self._wake.set()

    def _configuration(self, service: RayServicePlan) -> dict[str, Any]:
        """What is put: with this cluster's own address, and with folders packed. Raises OSError."""
        folder = Path(self._plan.directory) / "working-dirs"
        config = with_packed(service.serve_config, service.working_dirs, folder)
        own = {"host": self._plan.address, "port": self._plan.ports[0].local}
        config["http_options"] = {**config.get("http_options", {}), **own}
        return config
