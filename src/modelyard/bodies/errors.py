"""Error bodies, in the shape of the API that the client speaks.

OpenAI: ``{"error": {"message", "type", "param", "code"}}`` (design section 7); Anthropic: ``{"type":
"error", "error": {"type", "message"}}``. Both say what to do next in ``message``.
"""

from __future__ import annotations

import msgspec

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class _OpenAiError(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class _AnthropicError(msgspec.Struct):
    type: str
    message: str


def error_type(status: int) -> str:
    """OpenAI's ``type`` for an HTTP status."""
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"


def error_body(
    message: str,
    type: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    *,
    anthropic: bool = False,
) -> bytes:
    """An error object: OpenAI's, or Anthropic's where the client speaks that API (it has no ``param`` and
    ``code``)."""
    if anthropic:
        kind = "api_error" if type == "server_error" else type
        return msgspec.json.encode({"type": "error", "error": _AnthropicError(kind, _encodable(message))})
    return msgspec.json.encode({"error": _OpenAiError(_encodable(message), type, param, code)})


def anthropic_error_type(status: int) -> str:
    """Anthropic's ``type`` for an HTTP status."""
    return _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_body_for(dialect: str, message: str, status: int, param: str | None = None, code: str | None = None) -> bytes:
    """The error object of the API that ``dialect`` names (``RequestFacts.dialect``; unknown or empty:
    OpenAI's)."""
    if dialect.startswith("anthropic-"):
        return error_body(message, anthropic_error_type(status), anthropic=True)
    return error_body(message, error_type(status), param, code)


def sse_error(message: str, code: str | None = None, dialect: str = "", *, mid_event: bool = False) -> bytes:
    """The event that ends a broken stream visibly; never followed by ``[DONE]``.

    ``mid_event``: the stream broke inside an event, which is closed first, so that this one is read by
    itself.
    """
    if dialect == "openai-responses":
        body = _responses_error(message, code)
    else:
        body = error_body_for(dialect, message, 500, None, code)
    named = dialect == "openai-responses" or dialect.startswith("anthropic-")
    return b"".join((b"\n\n" * mid_event, b"event: error\n" * named, b"data: ", body, b"\n\n"))


def _encodable(message: str) -> str:
    """Messages quote what clients sent; a lone surrogate in it becomes a question mark."""
    return message.encode(errors="replace").decode()


def _responses_error(message: str, code: str | None) -> bytes:
    """The Responses API's ``error`` event; the object under ``error`` makes clients that look there raise as
    well."""
    message = _encodable(message)
    error = _OpenAiError(message, error_type(500), None, code)
    return msgspec.json.encode(
        {
            "type": "error",
            "code": code,
            "message": message,
            "param": None,
            "sequence_number": 0,
            "error": error,
        }
    )
