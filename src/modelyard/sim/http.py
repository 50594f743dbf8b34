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


def http_server(sim: Simulator, routes: Routes) -> web.Server:
    """A protocol factory that serves ``routes`` of ``sim``; one per listening socket."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        call = Call(sim, request, await request.read())
        try:
            return await _answer(call, routes)
        except ApiError as error:
            return call.error(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            _log.exception("the simulator failed on %s %s", request.method, request.path)
            return call.error(ApiError(500, "The simulator itself failed; its log says why."))

    loop = asyncio.get_running_loop()

    def sized(*parts: Any) -> web.BaseRequest:
        message, payload, protocol, writer, task = parts
        limit = sim.settings.max_body_bytes
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=limit)

    return web.Server(
        handle,
        request_factory=sized,
        handler_cancellation=True,
        access_log=None,
        keepalive_timeout=sim.settings.keep_alive_s,
        auto_decompress=False,
        max_line_size=_HEAD_BYTES,
        max_field_size=_HEAD_BYTES,
        max_headers=_HEADERS,
    )


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
