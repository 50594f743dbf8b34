"""From an HTTP request to its route and back: body, log, authorisation, faults, errors."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web

from modelyard.sim.api.call import Call
from modelyard.sim.api.errors import ApiError
from modelyard.sim.api.routes import Route, Routes, find
from modelyard.sim.simulator import Simulator

_log = logging.getLogger(__name__)
_HEAD_BYTES = 64 * 1024
_HEADERS = 1024
_GUARDED = ("/v1/", "/v2/")
"""Paths that vLLM's ``--api-key`` protects."""


class HttpServer(web.Server):
    """Serves ``routes`` of ``sim``: the protocol factory of one listening socket."""

    def __init__(self, sim: Simulator, routes: Routes) -> None:
        super().__init__(
            self._handle,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=sim.settings.keep_alive_s,
            auto_decompress=False,
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
            max_headers=_HEADERS,
        )
        self._sim = sim
        self._routes = routes
        self._loop = asyncio.get_running_loop()
        self._busy: set[web.RequestHandler] = set()
        """Connections with a request under way."""

    def hang_up(self) -> None:
        """Closes idle connections now and the others after their answer."""
        for connection in list(self.connections):
            if connection in self._busy:
                connection.close()
            else:
                connection.force_close()

    def _request(self, *parts: Any) -> web.BaseRequest:
        message, payload, protocol, writer, task = parts
        limit = self._sim.settings.max_body_bytes
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=limit)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await self._answered(Call(self._sim, request, b""))
        finally:
            self._busy.discard(request.protocol)

    async def _answered(self, call: Call) -> web.StreamResponse:
        try:
            call.body = await _body(call.request)
            return await _answer(call, self._routes)
        except ApiError as error:
            return call.error(error)
        except ConnectionError:
            raise
        except Exception:
            _log.exception("the simulator failed on %s %s", call.request.method, call.request.path)
            return call.error(ApiError(500, "The simulator itself failed; its log says why."))


async def _body(request: web.BaseRequest) -> bytes:
    """The whole body. ApiError 413: it is too long."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "The request body is longer than this server takes.") from None


async def _answer(call: Call, routes: Routes) -> web.StreamResponse:
    sim, request = call.sim, call.request
    route = find(routes, sim.settings, request.method, request.path)
    if route is None or route.logged:
        _remember(call)
    if route is None:
        raise ApiError(405, "Method Not Allowed")
    if not _authorised(call):
        return call.json({"error": "Unauthorized"}, 401)
    if not route.model:
        return await route.handler(call)
    with sim.loaded():
        return await _model_request(call, route)


async def _model_request(call: Call, route: Route) -> web.StreamResponse:
    """Faults first: they stand for a server that never gets to look at the request."""
    sim = call.sim
    if sim.faults.head_delay_s:
        await asyncio.sleep(sim.faults.head_delay_s)
    await sim.held_back()
    if sim.faults.close_before_head and call.request.transport is not None:
        call.request.transport.close()
        await asyncio.get_running_loop().create_future()
    if sim.fault_strikes():
        raise _struck(call)
    if route.json:
        call.require_json()
    return await route.handler(call)


def _struck(call: Call) -> ApiError:
    faults = call.sim.faults
    error = ApiError(faults.status or 500, "This failure is simulated.", kind="SimulatedError")
    if faults.retry_after_s is not None:
        error.headers["Retry-After"] = str(faults.retry_after_s)
    return error


def _remember(call: Call) -> None:
    log = call.sim.log
    log.total += 1
    if log.keeps:
        log.add(call.received())


def _authorised(call: Call) -> bool:
    key = call.sim.settings.api_key
    if not key or not call.request.path.startswith(_GUARDED):
        return True
    return call.request.headers.get("Authorization") == f"Bearer {key}"
