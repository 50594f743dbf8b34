"""Errors of the API in vLLM's shapes (read from vLLM 0.32)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """Becomes an HTTP answer with an error object."""

    def __init__(self, status: int, message: str, *, kind: str = "", param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind or HTTPStatus(status).phrase
        self.param = param
        self.headers: dict[str, str] = {}

    def openai(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.status}}

    def anthropic(self) -> dict[str, Any]:
        return {"type": "error", "error": {"type": self.kind, "message": self.message}}


def bad_request(message: str, param: str | None = None) -> ApiError:
    """A request that was understood and refused."""
    return ApiError(400, message, kind="BadRequestError", param=param)


def invalid_body(problem: str, path: str = "") -> ApiError:
    """A body that is not of the API's shape; ``path`` is the field, dotted."""
    param = f"body.{path}" if path else "body"
    return ApiError(400, f"1 validation error:\n  {param}: {problem}", param=param)


def unknown_model(model: str, names: tuple[str, ...]) -> ApiError:
    aliases = ", ".join(names)
    message = f"The model `{model}` does not exist. Valid aliases: {aliases}."
    return ApiError(404, message, kind="NotFoundError", param="model")


def too_long(context: int, tokens: int) -> ApiError:
    message = (
        f"This model's maximum context length is {context} tokens. However, your request has {tokens} input "
        "tokens. Please reduce the length of the input messages."
    )
    return bad_request(message, "input_tokens")
