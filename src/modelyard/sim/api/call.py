"""One HTTP request to a simulated server, and its answers: headers that say who answered, JSON, errors."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import msgspec
from aiohttp import web

from modelyard.sim.api.errors import ApiError, invalid_body
from modelyard.sim.requestlog import ReceivedRequest
from modelyard.sim.simulator import Simulator


class Call:
    """A request whose body has been read."""

    __slots__ = ("body", "model", "request", "sim")

    def __init__(self, sim: Simulator, request: web.BaseRequest, body: bytes) -> None:
        self.sim = sim
        self.request = request
        self.body = body
        self.model = ""
        """Name of the model that answers, once known; goes into ``x-sim-model``."""

    def received(self) -> ReceivedRequest:
        """The request as it came off the wire."""
        request, settings = self.request, self.sim.settings
        path, _, query = request.raw_path.partition("?")
        return ReceivedRequest(
            number=self.sim.log.total,
            at=time.time(),
            endpoint=self.sim.address,
            method=request.method,
            path=path,
            query=query,
            version=f"{request.version.major}.{request.version.minor}",
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
            body_length=len(self.body),
            body_sha256=hashlib.sha256(self.body).hexdigest(),
            body=self._body_text() if len(self.body) <= settings.request_log_body_bytes else None,
        )

    def _body_text(self) -> str | None:
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            return None

    def headers(self) -> dict[str, str]:
        """What every answer carries: that it is simulated, and by whom."""
        headers = {
            "Server": "modelyard-sim",
            "x-modelyard-simulated": "true",
            "x-sim-endpoint": self.sim.address,
        }
        if self.model:
            headers["x-sim-model"] = self.model
        multiplexed = self.multiplexed_model
        if multiplexed:
            headers["x-sim-multiplexed-model-id"] = multiplexed
        if self.sim.settings.enable_request_id_headers:
            headers["X-Request-Id"] = self.request_id or self.sim.new_id()
        return headers

    @property
    def request_id(self) -> str:
        return self.request.headers.get("X-Request-Id", "")

    @property
    def multiplexed_model(self) -> str:
        """Ray Serve's header, in either spelling; only the Ray flavour reads it."""
        if self.sim.settings.flavour != "ray":
            return ""
        headers = self.request.headers
        return headers.get("serve_multiplexed_model_id") or headers.get("serve-multiplexed-model-id") or ""

    def json(self, data: Any, status: int = 200) -> web.Response:
        return self.bytes(msgspec.json.encode(data), "application/json", status)

    def text(self, text: str, status: int = 200) -> web.Response:
        return self.bytes(text.encode(), "text/plain; charset=utf-8", status)

    def bytes(self, body: bytes, content_type: str, status: int = 200) -> web.Response:
        headers = self.headers()
        headers["Content-Type"] = content_type
        return web.Response(body=body, status=status, headers=headers)

    def empty(self, status: int = 200) -> web.Response:
        return web.Response(status=status, headers=self.headers())

    def error(self, error: ApiError) -> web.Response:
        anthropic = self.request.path.startswith("/v1/messages")
        answer = self.json(error.anthropic() if anthropic else error.openai(), error.status)
        answer.headers.update(error.headers)
        return answer

    def require_json(self) -> None:
        """vLLM refuses bodies of JSON APIs that are not declared as JSON."""
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise invalid_body("Unsupported Media Type: Only 'application/json' is allowed")
