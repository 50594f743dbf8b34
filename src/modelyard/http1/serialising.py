"""Heads back to bytes. A name or value that would add a line, or end the head, is refused here, whoever made
it.
"""

from __future__ import annotations

from http import HTTPStatus

from modelyard.http1.message_heads import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class UnsendableHead(ValueError):
    """A header name or value has CR, LF or NUL, or characters that the wire cannot carry."""


def reason_phrase(status: int) -> str:
    """The usual reason phrase; empty for a status that has none."""
    return _REASONS.get(status, "")


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """A request head for an endpoint, framing fields included in ``headers``. Raises ``UnsendableHead``."""
    if " " in target or " " in method:
        raise UnsendableHead("A method or a request target has a space.")
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    return _sealed(lines)


def response_head(status: int, reason: str, headers: Headers, framing: str) -> bytes:
    """A response head for a client. ``framing``: the shell's own lines (Content-Length, Connection…), each
    with CRLF.

    Raises ``UnsendableHead``.
    """
    lines = [f"HTTP/1.1 {status} {reason}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    return _sealed(lines, framing)


def _sealed(lines: list[str], framing: str = "") -> bytes:
    """Join lines; one CRLF per line and none beside proves that no value smuggled another line in."""
    text = "".join(lines)
    count = len(lines)
    if text.count("\n") != count or text.count("\r") != count or "\0" in text:
        raise UnsendableHead("A header name or value has a line break or NUL.")
    try:
        return f"{text}{framing}\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise UnsendableHead("A header value has characters beyond ISO-8859-1; percent-encode them.") from None
