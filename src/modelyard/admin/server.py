"""The admin API over HTTP (aiohttp; not on the data path)."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from modelyard.admin.guard import Caller, refusal
from modelyard.admin.route import Call, Refused, Route
from modelyard.admin.source import AdminSource, ExplainUnavailable, UnknownKind
from modelyard.telemetry.exposition import CONTENT_TYPE

log = logging.getLogger(__name__)

_MAX_BODY = 64 * 1024 * 1024


class AdminServer:
    """Serves ``source`` and ``routes`` on one address until ``stop``."""

    def __init__(self, source: AdminSource, routes: Iterable[Route] = ()) -> None:
        self._source, self._routes = source, tuple(routes)
        self._runner: web.AppRunner | None = None
        self._everywhere = False

    async def start(self, host: str, port: int) -> int:
        """Bind and serve; the port (of use where 0 was asked for). Raises OSError where the address is taken."""
        self._everywhere = host in ("0.0.0.0", "::", "")
        app = web.Application(middlewares=[_json_errors, self._guarded], client_max_size=_MAX_BODY)
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/api/summary", self._summary),
                web.get("/api/resources", self._resources),
                web.get("/api/fleet", self._fleet),
                web.get("/api/replicas", self._replicas),
                web.post("/api/explain", self._explain),
                *(web.route(route.method, route.path, _handler(route)) for route in self._routes),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else port

    async def stop(self) -> None:
        """Close the socket and end open requests."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        own = request.transport.get_extra_info("sockname") if request.transport is not None else None
        refused = refusal(
            Caller(
                method=request.method,
                host=request.headers.get("host", ""),
                content_type=request.headers.get("content-type", ""),
                origin=request.headers.get("origin", ""),
                own_address=str(own[0]) if own else "",
                own_port=int(own[1]) if own else 0,
                everywhere=self._everywhere,
            )
        )
        if refused is not None:
            return _error(refused[0], refused[1], "refused")
        response: web.StreamResponse = await handler(request)
        return response

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        ready, details = self._source.readiness()
        return _json({"ready": ready, **details}, status=200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=(await self._source.metrics()).encode(), headers={"content-type": CONTENT_TYPE})

    async def _summary(self, request: web.Request) -> web.Response:
        return _json(self._source.summary())

    async def _resources(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            items = self._source.resources(query.get("kind"), query.get("namespace"), query.get("name"))
        except UnknownKind as unknown:
            return _error(404, str(unknown), "unknown_kind")
        return _json({"kind": "List", "apiVersion": "v1", "items": items})

    async def _fleet(self, request: web.Request) -> web.Response:
        return _json(await self._source.fleet())

    async def _replicas(self, request: web.Request) -> web.Response:
        return _json({"replicas": self._source.replicas()})

    async def _explain(self, request: web.Request) -> web.Response:
        asked = await _object(request)
        try:
            return _json(await self._source.explain(asked))
        except ValueError as bad:
            raise Refused(str(bad)) from bad
        except ExplainUnavailable as unavailable:
            return _error(503, str(unavailable), "unavailable")


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await _object(request) if route.method == "POST" else {}
        try:
            return _json(await route.run(Call(path=dict(request.match_info), query=dict(request.query), body=body)))
        except ValueError as bad:
            raise Refused(str(bad)) from bad

    return handle


async def _object(request: web.Request) -> dict[str, Any]:
    """The JSON object of the body; nothing at all is an empty one. Raises Refused."""
    try:
        content = await request.read()
        found = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused("The body must be a JSON object.", code="invalid_json")
    return found


@web.middleware
async def _json_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every error in the one JSON shape; a bug is logged and answered, never a dropped connection."""
    try:
        response: web.StreamResponse = await handler(request)
    except Refused as refused:
        return _error(refused.status, str(refused), refused.code)
    except web.HTTPException as error:
        return _error(error.status, f"{request.method} {request.path}: {error.reason}", "http_error")
    except Exception:
        log.exception("admin API: %s %s failed", request.method, request.path)
        return _error(500, "The admin API failed; the log has the reason.", "internal")
    return response


def _json(value: Any, status: int = 200) -> web.Response:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return web.Response(text=text + "\n", status=status, content_type="application/json")


def _error(status: int, message: str, code: str) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return _json({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)
