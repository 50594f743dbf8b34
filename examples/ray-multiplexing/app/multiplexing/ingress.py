"""The OpenAI API in front of all models: picks the model, passes its answer on as it comes."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from ray import serve
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

api = FastAPI()


@serve.deployment(max_ongoing_requests=256)
@serve.ingress(api)
class Models:
    """Picks one of several models by the multiplexed model id.

    The gateway sets the header ``serve_multiplexed_model_id`` from the body's ``model``. Without a gateway the body
    alone decides; where both are there and differ, the request is refused, so that no client is answered by another
    model than the one that its body names.
    """

    def __init__(self, models: dict[str, DeploymentHandle]) -> None:
        self._models = {name: handle.options(stream=True) for name, handle in models.items()}

    @api.get("/v1/models")
    def list_models(self) -> dict[str, Any]:
        """Every model, in the order of the configuration."""
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "ray-serve"} for name in self._models]
        return {"object": "list", "data": data}

    @api.post("/v1/chat/completions")
    @api.post("/v1/completions")
    async def generate(self, request: Request) -> Response:
        """Answer with what the model's own server answers, streams included."""
        body = await request.body()
        named = _model_of(body)
        if isinstance(named, Response):
            return named
        header = serve.get_multiplexed_model_id()
        if header and header != named:
            return _error(400, f"the body asks for model {named!r} and the request is routed to {header!r}", "model")
        model = self._models.get(named)
        if model is None:
            return _error(404, f"The model {named!r} does not exist.", "model", "model_not_found")
        return await _answer(model, request.url.path, body)


async def _answer(model: DeploymentHandle, path: str, body: bytes) -> Response:
    parts = model.answer.remote(path, body)
    try:
        status, headers = await anext(parts)
    except BackPressureError:
        return _error(503, "the model has all the requests that it takes; try again", code="overloaded")
    return StreamingResponse(parts, status_code=status, headers=headers)


def _model_of(body: bytes) -> str | Response:
    """The body's ``model``, or the refusal."""
    try:
        value = json.loads(body)
    except ValueError:
        return _error(400, "the body is not valid JSON")
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(model, str) or not model:
        return _error(400, "the body must name a model", "model")
    return model


def _error(status: int, message: str, param: str | None = None, code: str | None = None) -> JSONResponse:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)
