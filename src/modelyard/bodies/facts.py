"""What the gateway needs to know of a request body, whichever API it speaks."""

from __future__ import annotations

import msgspec


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one request body; produced by a dialect, read by routing, flow and picking."""

    dialect: str
    """Name of the dialect that read the body, for example ``openai-chat``."""
    model: str | None = None
    """Model or adapter name that the client asked for; None where the API names none."""
    stream: bool = False
    """The client asked for server-sent events."""
    prompt: bytes = b""
    """Text that decides prefix reuse, in engine order (system, messages, tools); raw bytes as sent.
    Only compared and hashed, never shown or logged."""
    prompt_tokens: int = 0
    """Estimate of the prompt's length in tokens (about four bytes each)."""
    max_tokens: int | None = None
    """Upper bound of generated tokens, where the client set one."""
    include_usage: bool = False
    """The client asked for a usage event at the end of its stream."""
    model_spans: tuple[tuple[int, int], ...] = ()
    """Byte ranges [start, end) of the model's value (quotes included, for JSON) within the body, for a rewrite in place."""


class BodyError(ValueError):
    """The body cannot be used; becomes an HTTP 400 (or the given status) with an OpenAI error object."""

    def __init__(self, message: str, *, code: str = "invalid_request", param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.status = status


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts that an engine reported in its answer."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
