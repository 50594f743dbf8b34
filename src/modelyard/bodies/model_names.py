"""What a model name may look like: it comes from a body, becomes a header value, and routes are matched on
it."""

from __future__ import annotations

from modelyard.bodies.facts import BodyError

MAX_NAME_BYTES = 1024
"""Bytes of a model name in UTF-8. Engines accept paths such as ``/gcs/google/gemma-2-9b-it`` as names, so the
Kubernetes limit of 256 would be too tight; far more would only serve to fill headers and logs."""


def check_header_value(value: str, param: str) -> str:
    """``value``, when it is safe as a header value and reads the same there as in the body; else BodyError
    (400).

    Printable characters only: no control, format (bidirectional overrides, zero width) or line separator
    characters, and no space at either end, since header values are trimmed. Other languages' letters are
    allowed; the header carries them as UTF-8 bytes (obs-text in RFC 9110, section 5.5).
    """
    if not value:
        raise BodyError(f"{param} is empty: name one of the models that GET /v1/models lists", param=param)
    if not value.isprintable() or value[0] == " " or value[-1] == " ":
        raise BodyError(f"{param} holds control characters or outer spaces: send it without them", param=param)
    if len(value) > MAX_NAME_BYTES or (not value.isascii() and len(value.encode()) > MAX_NAME_BYTES):
        raise BodyError(f"{param} is longer than {MAX_NAME_BYTES} bytes: send a shorter one", param=param)
    return value
