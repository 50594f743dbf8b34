"""Which path is served by what: one table per flavour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from aiohttp import web

from modelyard.sim.api import audio, catalogue, control, operation, pooling, tokenization
from modelyard.sim.api.call import Call
from modelyard.sim.api.chat import Chat
from modelyard.sim.api.completions import Completions
from modelyard.sim.api.generation import generate
from modelyard.sim.api.job import Dialect
from modelyard.sim.api.messages import Messages
from modelyard.sim.api.responses import Responses
from modelyard.sim.settings import SimSettings

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    handler: Handler
    model: bool = False
    """A model request: faults hit it, it counts as load."""
    json: bool = True
    """Its body must be declared as JSON (model requests only)."""
    logged: bool = True
    """``/sim/requests`` remembers it; what a gateway polls is left out, it would push the rest out."""


Routes = Mapping[str, Mapping[str, Route]]
"""Path -> method -> route."""


def _generated(dialect: Dialect) -> Route:
    async def handler(call: Call) -> web.StreamResponse:
        return await generate(call, dialect)

    return Route(handler, model=True)


def _model(handler: Handler, *, json: bool = True) -> dict[str, Route]:
    return {"POST": Route(handler, model=True, json=json)}


def _polled(handler: Handler) -> dict[str, Route]:
    return {"GET": Route(handler, logged=False)}


_MODEL: dict[str, Mapping[str, Route]] = {
    "/v1/chat/completions": {"POST": _generated(Chat())},
    "/v1/completions": {"POST": _generated(Completions())},
    "/v1/embeddings": _model(pooling.embeddings),
    "/v1/score": _model(pooling.score),
    "/v1/audio/transcriptions": _model(audio.transcriptions, json=False),
    "/tokenize": {"POST": Route(tokenization.tokenize)},
    "/detokenize": {"POST": Route(tokenization.detokenize)},
    "/v1/models": _polled(catalogue.models),
}
_VLLM: dict[str, Mapping[str, Route]] = {
    **_MODEL,
    "/v1/responses": {"POST": _generated(Responses())},
    "/v1/messages": {"POST": _generated(Messages())},
    "/v1/messages/count_tokens": {"POST": Route(tokenization.count_message_tokens)},
    "/score": _model(pooling.score),
    "/rerank": _model(pooling.rerank),
    "/v1/rerank": _model(pooling.rerank),
    "/v2/rerank": _model(pooling.rerank),
    "/health": _polled(operation.health),
    "/ping": {**_polled(operation.health), "POST": Route(operation.health, logged=False)},
    "/version": _polled(operation.version),
    "/load": _polled(operation.load),
}
_RAY: dict[str, Mapping[str, Route]] = {
    **_MODEL,
    "/-/healthz": _polled(operation.ray_health),
    "/-/routes": _polled(operation.ray_routes),
}
_LORA: dict[str, Mapping[str, Route]] = {
    "/v1/load_lora_adapter": {"POST": Route(catalogue.load_adapter)},
    "/v1/unload_lora_adapter": {"POST": Route(catalogue.unload_adapter)},
}
CONTROL: Routes = {
    "/sim/faults": {
        "GET": Route(control.faults, logged=False),
        "POST": Route(control.set_faults, logged=False),
        "DELETE": Route(control.clear_faults, logged=False),
    },
    "/sim/requests": {
        "GET": Route(control.requests, logged=False),
        "DELETE": Route(control.clear_requests, logged=False),
    },
    "/sim/adapters": {"POST": Route(control.set_adapter, logged=False)},
    "/sim/state": _polled(control.state),
    "/sim/echo": {method: Route(control.echo) for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")},
}


def api_routes(settings: SimSettings) -> Routes:
    """Routes of the API port."""
    flavoured = _RAY if settings.flavour == "ray" else _VLLM
    runtime = settings.flavour == "vllm" and settings.has_lora and settings.runtime_lora
    here = {} if settings.metrics_port is not None else metrics_routes(settings)
    return {**flavoured, **(_LORA if runtime else {}), **here, **CONTROL}


def metrics_routes(settings: SimSettings) -> Routes:
    """Routes of the metrics port, or the metrics' part of the API port."""
    return {} if settings.metrics_dialect == "none" else {settings.metrics_path: _polled(operation.metrics)}


def find(routes: Routes, settings: SimSettings, method: str, path: str) -> Route | None:
    """The route of a request. None: the path exists, the method does not."""
    methods = routes.get(path)
    if methods is None and settings.flavour == "ray" and path.startswith("/v1/models/"):
        methods = _polled(catalogue.model)
    if methods is None:
        return Route(control.unknown)
    return methods.get("GET" if method == "HEAD" else method)
