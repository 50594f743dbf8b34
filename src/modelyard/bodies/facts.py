"""What the gateway needs to know of a request body, whichever API it speaks."""

from __future__ import annotations

import msgspec


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The facts of one request body; produced by a dialect, read by routing, flow and picking."""

    dialect: str
    """Name of the dialect that read the body, for example ``openai-chat``."""
    model: str | None = None
    """Model or adapter name that the client asked for; None where the API names none."""
    stream: bool = False
    """The client asked for server-sent events."""
    prompt: bytes = b""
    """Text that decides prefix reuse, in the order in which engines render it (tools, system, messages); raw
    bytes as sent, the first 128 KiB of them. Only compared and hashed, never shown or logged."""
    prompt_tokens: int = 0
    """Estimate of the whole prompt's length in tokens (about four bytes each)."""
    max_tokens: int | None = None
    """Upper bound of generated tokens, where the client set one."""
    n: int = 1
    """Choices that the engine is asked to generate (the larger of ``n`` and ``best_of``): they multiply its
    work."""
    include_usage: bool = False
    """The client asked for a usage event at the end of its stream."""
    model_spans: tuple[tuple[int, int], ...] = ()
    """Byte ranges [start, end) of the model's value within the body, where reading finds them anyway
    (multipart). For JSON they are found by ``model_rewrite`` when a rewrite needs them."""


class BodyError(ValueError):
    """The body cannot be used; becomes an HTTP 400 (or the given status) with an OpenAI error object."""

    def __init__(
        self, message: str, *, code: str = "invalid_request", param: str | None = None, status: int = 400
    ) -> None:
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
