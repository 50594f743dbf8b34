"""The OpenAI API in front of all models: picks the model, passes its answer on as it comes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from ray import serve
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from multiplexing.openai_requests import Refused, model_named_by, unknown_model

api = FastAPI()


@serve.deployment(max_ongoing_requests=256)
@serve.ingress(api)
class Models:
    """Picks one of several models by the multiplexed model id (``serve_multiplexed_model_id``)."""

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
        try:
            named = model_named_by(body, serve.get_multiplexed_model_id())
            if named not in self._models:
                raise unknown_model(named)
            return await self._ask(named, request.url.path, body)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)

    async def _ask(self, model: str, path: str, body: bytes) -> Response:
        parts = self._models[model].answer.remote(path, body)
        try:
            status, headers = await anext(parts)
        except BackPressureError:
            raise Refused(503, "the model has all the requests that it takes; try again", code="overloaded") from None
        return StreamingResponse(parts, status_code=status, headers=headers)
