"""Health, version, load and metrics, as vLLM and Ray Serve have them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from modelyard.sim.api.call import Call
from modelyard.sim.api.errors import ApiError
from modelyard.sim.api.job import FINGERPRINT
from modelyard.sim.expositions import faulty

_PAGE = "text/plain; version=0.0.4; charset=utf-8"


async def health(call: Call) -> web.StreamResponse:
    return call.empty(503 if call.sim.faults.unhealthy else 200)


async def ray_health(call: Call) -> web.StreamResponse:
    """Ray's proxy: 503 while it drains."""
    if call.sim.faults.unhealthy:
        return call.text("This node is being drained.", 503)
    return call.text("success")


async def ray_routes(call: Call) -> web.StreamResponse:
    return call.json({"/": "default"})


async def version(call: Call) -> web.StreamResponse:
    return call.json({"version": "0.0.0+simulated", "simulated": True, "simulated_by": FINGERPRINT})


async def load(call: Call) -> web.StreamResponse:
    return call.json({"server_load": call.sim.load})


async def metrics(call: Call) -> web.StreamResponse:
    """The metrics page, or what the ``metrics`` fault makes of it."""
    faults = call.sim.faults
    match faults.metrics:
        case "nan":
            return call.bytes(faulty.not_numbers(call.sim.metrics()), _PAGE)
        case "huge":
            return await _huge(call)
        case "garbage":
            return call.bytes(faulty.GARBAGE, _PAGE)
        case "redirect":
            answer = call.empty(302)
            answer.headers["Location"] = f"http://{call.sim.address}/sim/echo"
            return answer
        case "not-found":
            raise ApiError(404, "Not Found")
        case "error":
            raise ApiError(500, "The metrics are broken on purpose.")
        case "slow":
            await asyncio.sleep(faults.metrics_delay_s)
    return call.bytes(call.sim.metrics(), _PAGE)


async def _huge(call: Call) -> web.StreamResponse:
    response = web.StreamResponse(headers={**call.headers(), "Content-Type": _PAGE})
    await response.prepare(call.request)
    for piece in faulty.huge(call.sim.metrics(), call.sim.faults.metrics_bytes):
        await response.write(piece)
    await response.write_eof()
    return response
