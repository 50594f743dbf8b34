"""An endpoint's response head, or why it is not believed (RFC 9112 sections 4 and 6).

An endpoint may be broken or hostile; what it sends must not end up in another client's answer. So a response
whose end could be read in two ways is refused, and what follows a response on the wire closes the connection
(see ``proxy``).
"""

from __future__ import annotations

import re

from modelyard.http1.header_fields import HOP_BY_HOP, MalformedField, end_to_end, has_token, parse_fields
from modelyard.http1.message_heads import Headers, ResponseHead
from modelyard.http1.remembered_heads import RememberedHeads, split_length

MAX_FIELDS = 512
"""Most header fields of a response; more is a bad response."""

_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_DROPPED = HOP_BY_HOP | {"content-length"}

_remembered_heads: RememberedHeads[ResponseHead] = RememberedHeads()
_remembered_lines: dict[str, tuple[int, int, str]] = {}


class MalformedResponse(ValueError):
    """The endpoint's answer cannot be read safely: close its connection and count a failure."""


def parse_response_head(data: bytes) -> ResponseHead:
    """Read one head; ``data`` ends with the empty line (CRLFCRLF). Raises ``MalformedResponse``.

    ``headers`` has end-to-end fields only; framing is in ``content_length``, ``chunked`` and ``keep_alive``.
    """
    key, digits = split_length(data)
    known = _remembered_heads.get(key)
    if known is None:
        known = _read_head(data)
        _remembered_heads.keep(key, known)
    by_name = known.by_name.copy()
    length = known.content_length
    if digits:
        by_name["content-length"] = digits.decode()
        length = int(digits)
    return ResponseHead(
        known.status,
        known.reason,
        known.headers.copy(),
        known.minor_version,
        length,
        known.chunked,
        known.keep_alive,
        by_name,
    )


def _read_head(data: bytes) -> ResponseHead:
    lines = data.decode("latin-1").split("\r\n")
    del lines[-2:]
    minor, status, reason = _remembered_lines.get(lines[0]) or _parse_status_line(lines[0])
    del lines[0]
    try:
        fields = parse_fields(lines)
    except MalformedField as fault:
        raise MalformedResponse(str(fault)) from None
    by_name = dict(fields)
    if len(by_name) != len(fields) or len(fields) > MAX_FIELDS:
        by_name = _checked_repeats(fields)
    headers = [field for field in fields if field[0] not in _DROPPED]
    head = ResponseHead(status, reason, headers, minor, None, False, minor == 1, by_name)
    _read_framing(head, by_name)
    if "connection" in by_name:
        _read_connection(head, fields)
    return head


def has_no_body(method: str, status: int) -> bool:
    """Whether a response ends with its head whatever its fields say (RFC 9112 section 6.3, rule 1)."""
    return method == "HEAD" or status < 200 or status in (204, 304)


def _parse_status_line(line: str) -> tuple[int, int, str]:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise MalformedResponse("The status line is not 'HTTP/1.1 200 reason'.")
    parsed = (int(match[1]), int(match[2]), match[3] or "")
    if len(line) <= 64 and len(_remembered_lines) < 1024:
        _remembered_lines[line] = parsed
    return parsed


def _read_framing(head: ResponseHead, by_name: dict[str, str]) -> None:
    length = by_name.get("content-length")
    coding = by_name.get("transfer-encoding")
    if length is not None:
        if coding is not None:
            raise MalformedResponse("The response has both Content-Length and Transfer-Encoding.")
        if not (length.isdigit() and length.isascii() and len(length) <= 18):
            raise MalformedResponse("Content-Length is not a plain decimal number.")
        head.content_length = int(length)
    elif coding is not None:
        if coding.lower() != "chunked" or not head.minor_version:
            raise MalformedResponse("The response has a Transfer-Encoding other than 'chunked'.")
        head.chunked = True


def _read_connection(head: ResponseHead, fields: Headers) -> None:
    options = ",".join(value for name, value in fields if name == "connection").lower()
    head.keep_alive = not has_token(options, "close") and (head.minor_version == 1 or has_token(options, "keep-alive"))
    head.headers = [field for field in end_to_end(fields) if field[0] != "content-length"]


def _checked_repeats(fields: Headers) -> dict[str, str]:
    if len(fields) > MAX_FIELDS:
        raise MalformedResponse(f"The response has more than {MAX_FIELDS} header fields.")
    names = [name for name, _ in fields]
    for name in ("content-length", "transfer-encoding"):
        if names.count(name) > 1:
            raise MalformedResponse(f"The response has more than one {name.title()} header.")
    return dict(reversed(fields))
