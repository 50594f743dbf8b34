"""``/sim/*``: what only a simulated server has. Faults, received requests, an echo, the engine's state."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from modelyard.sim.api.bodies import decode
from modelyard.sim.api.call import Call
from modelyard.sim.api.errors import ApiError, bad_request
from modelyard.sim.faults import Faults


async def faults(call: Call) -> web.StreamResponse:
    """Failures in force."""
    return call.json(call.sim.faults)


async def set_faults(call: Call) -> web.StreamResponse:
    """Replaces the failures in force; fields left out go back to their defaults."""
    await call.sim.change_faults(decode(call.body, Faults))
    return call.json(call.sim.faults)


async def clear_faults(call: Call) -> web.StreamResponse:
    await call.sim.change_faults(Faults())
    return call.json(call.sim.faults)


class AdapterBody(msgspec.Struct, kw_only=True):
    name: str
    path: str = ""
    """Empty: the adapter is taken away."""


async def set_adapter(call: Call) -> web.StreamResponse:
    """Has an adapter come or go without the engine's own calls, as a folder does that Ray Serve LLM reads."""
    asked = decode(call.body, AdapterBody)
    adapters = call.sim.engine.adapters
    if asked.path:
        adapters.load(asked.name, asked.path)
    elif asked.name in adapters.paths:
        adapters.unload(asked.name)
    return call.json({"adapters": dict(adapters.paths)})


async def requests(call: Call) -> web.StreamResponse:
    """The last requests, oldest first; ``?limit=N`` of them."""
    text = call.request.query.get("limit", "")
    if text and not text.isdecimal():
        raise bad_request(f"limit must be a whole number, got {text!r}.", "limit")
    kept = call.sim.log.last(int(text) if text else None)
    return call.json({"total": call.sim.log.total, "requests": kept})


async def clear_requests(call: Call) -> web.StreamResponse:
    call.sim.log.clear()
    return call.json({"total": call.sim.log.total, "requests": []})


async def echo(call: Call) -> web.StreamResponse:
    """The request itself, as it came off the wire."""
    return call.json(call.received())


async def state(call: Call) -> web.StreamResponse:
    return call.json(engine_state(call))


async def unknown(call: Call) -> web.StreamResponse:
    """Any path that there is not."""
    raise ApiError(404, "Not Found")


def engine_state(call: Call) -> dict[str, Any]:
    """The engine from within; what metrics cannot show."""
    engine = call.sim.engine
    cache, adapters, counts = engine.cache, engine.adapters, engine.statistics
    return {
        "endpoint": call.sim.address,
        "running": len(engine.running),
        "waiting": engine.waiting,
        "deferred": engine.deferred,
        "finished": dict(counts.finished),
        "preemptions": counts.preemptions,
        "kv": {"blocks": cache.num_blocks, "used": cache.used, "cached": cache.cached, "usage": cache.usage},
        "prefix": {"queries": counts.prefix_queries, "hits": counts.prefix_hits},
        "adapters": {
            "known": dict(adapters.paths),
            "ready": list(adapters.ready),
            "running": dict(adapters.running),
            "waiting": dict(adapters.waiting),
            "brought_in": adapters.misses,
        },
        "settings": msgspec.to_builtins(call.sim.settings),
    }
