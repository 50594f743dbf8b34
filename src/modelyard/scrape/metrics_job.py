"""Reads the load of one endpoint from its engine's metrics."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from modelyard.fleet.endpoints import Endpoint, EngineLoad
from modelyard.fleet.engine import Engine, Probe
from modelyard.fleet.page_layout import PageLayout
from modelyard.fleet.prometheus_text import MetricsPage
from modelyard.scrape.client import get_request
from modelyard.scrape.connection import Reply, Target
from modelyard.scrape.jobs import Job, Shared

KEPT = 8192
"""A page up to this many bytes is kept: the same bytes again mean the same load."""


class MetricsJob(Job):
    """One endpoint's metrics. ``load`` is the last reading, ``problem`` why there is no newer one."""

    __slots__ = (
        "_body",
        "_changed",
        "_engine",
        "_failed",
        "_failures",
        "_filtered",
        "_full",
        "_layout",
        "_serving",
        "_target",
        "load",
        "problem",
    )

    def __init__(
        self,
        shared: Shared,
        endpoint: Endpoint,
        engine: Engine,
        source: Probe | None,
        *,
        changed: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        """``source``: where the page is when the engine was recognised by it. ``failed`` is called when the
        serving port did not answer at all."""
        super().__init__(shared)
        self.load: EngineLoad | None = None
        self.problem = ""
        self._engine = engine
        self._changed = changed
        self._failed = failed
        self._failures = 0
        self._filtered = b""
        self._body = b""
        self._layout = PageLayout()
        target, path = _located(endpoint, source)
        self._target = target
        self._serving = target == (endpoint.host, endpoint.port, False)
        self._full = get_request(_host(target), path)
        filtered = engine.filtered
        if filtered is not None and source == engine.metrics and not endpoint.metrics_url:
            self._filtered = get_request(_host(target), filtered.path)

    def run(self) -> None:
        settings = self.shared.settings
        self.shared.client.get(
            self._target,
            self._filtered or self._full,
            timeout=max(settings.timeout, self._engine.timeout),
            limit=settings.max_page,
            done=self._read,
        )

    def _read(self, reply: Reply) -> None:
        if self.closed:
            return
        load = self._load_of(reply)
        if load is not None:
            self._body = reply.body if len(reply.body) <= KEPT else b""
            self._take(load)
        elif self._filtered and (self.load is None or not reply.silent):
            self._filtered = b""  # this server does not filter: from now on the whole page
            self.again(0.0)
        else:
            self._miss(reply)

    def _load_of(self, reply: Reply) -> EngineLoad | None:
        if reply.status != 200 or reply.problem:
            return None
        at = self.shared.clock()
        if self.load is not None and reply.body == self._body:
            return msgspec.structs.replace(self.load, at=at)
        layout = self._layout if len(reply.body) > KEPT else None
        return self._engine.load(MetricsPage(reply.body, layout), at)

    def _take(self, load: EngineLoad) -> None:
        self._failures = 0
        self.problem = ""
        self.load = load
        self._changed()
        self.again(max(self.shared.settings.period, self._engine.period))

    def _miss(self, reply: Reply) -> None:
        self.problem = reply.problem or _complaint(reply, self._engine)
        self._failures += 1
        self._changed()
        if reply.silent and self._serving:
            self._failed()
        settings = self.shared.settings
        self.again(min(settings.period * 2.0 ** min(self._failures - 1, 16), settings.max_back_off))


def _complaint(reply: Reply, engine: Engine) -> str:
    if reply.status != 200:
        return f"metrics page answers HTTP {reply.status}"
    return f"metrics page has no metric of {engine.name}"


def _located(endpoint: Endpoint, source: Probe | None) -> tuple[Target, str]:
    """Where the page is: as the endpoint's ``metrics_url`` says, else at ``source`` on the endpoint's own
    host."""
    if endpoint.metrics_url:
        url = urlsplit(endpoint.metrics_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return Target(url.hostname or endpoint.host, port, url.scheme == "https"), path
    port = source.port if source is not None and source.port else endpoint.port
    return Target(endpoint.host, port), source.path if source is not None else "/metrics"


def _host(target: Target) -> str:
    return f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
