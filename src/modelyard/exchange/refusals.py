"""Answers that Modelyard makes itself: status, error object, and what to do next (design, section 7)."""

from __future__ import annotations

from modelyard.bodies.errors import error_body_for
from modelyard.exchange.commands import Respond
from modelyard.http1.message_heads import Headers


def refuse(
    status: int,
    message: str,
    *,
    code: str,
    param: str | None = None,
    headers: Headers | None = None,
    dialect: str = "",
) -> Respond:
    """An error answer in the shape of ``dialect``. ``message`` says what is wrong and what to do next; ``code`` is the
    stable name for programs."""
    fields: Headers = [("content-type", "application/json")]
    if headers:
        fields += headers
    return Respond(status, fields, error_body_for(dialect, message, status, param, code), reason=code)
