"""A strict reader of ``multipart/form-data`` (RFC 7578) that finds the form's fields without copying the
body.

Parsers of forms differ in what they forgive: bare line feeds, folded or doubled headers, RFC 2231 names,
text before the first boundary, boundaries inside content. Whatever could make an engine see other fields
than this reader is refused with 400, so that the field routed on is the field served. Each occurrence of the
boundary in a body must be a delimiter.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from modelyard.bodies.facts import BodyError
from modelyard.bodies.model_names import MAX_NAME_BYTES, check_header_value

MAX_PARTS = 200
"""Parts of one form; an audio form has about ten."""

MAX_PART_HEADER_BYTES = 8 * 1024
"""Header bytes of one part; long file names fit."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CONTENT_TYPE = re.compile(
    r"multipart/form-data"
    r"(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?"
    r"[ \t]*;[ \t]*boundary="
    r"(?:\"([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])\"|([!#$%&'*+.^_`|~0-9A-Za-z-]{1,70}))"
    r"(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?[ \t]*",
    re.I | re.A,
)
_HEADER = re.compile(rf"({_NAME}):[ \t]*([^\x00\r\n]*?)[ \t]*")
_PARAM = re.compile(rf"[ \t]*;[ \t]*({_NAME})=(?:\"((?:[^\"\\]|\\.)*)\"|({_NAME}))")
_PLAIN_ENCODINGS = frozenset({"7bit", "8bit", "binary"})
_PLAIN_CHARSETS = re.compile(r"[^;]*(?:;\s*charset=\"?(?:utf-8|us-ascii)\"?)?\s*", re.I | re.A)


class FormPart(NamedTuple):
    """One field of a form: its name, whether it is a file, and where its content lies in the body."""

    name: str
    is_file: bool
    start: int
    end: int


def form_parts(body: bytes, content_type: str) -> list[FormPart]:
    """All parts of a form in order; raises BodyError."""
    delimiter = b"--" + _boundary(content_type)
    parts: list[FormPart] = []
    at = _next_delimiter(body, delimiter, 0)
    if at != 0:
        raise _malformed("it does not begin with its boundary")
    while not body.startswith(b"--", at + len(delimiter)):
        if len(parts) == MAX_PARTS:
            raise _malformed(f"it has more than {MAX_PARTS} parts")
        head = at + len(delimiter) + 2
        at = _next_delimiter(body, delimiter, head)
        parts.append(_part(body, head, at - 2))
    if body[at + len(delimiter) + 2 :] not in (b"", b"\r\n"):
        raise _malformed("there is text after its end")
    return parts


def form_field(parts: list[FormPart], name: str) -> FormPart | None:
    """The only plain field of that name; None: there is none. A second one, or a file under that name, is
    refused."""
    found = [part for part in parts if part.name == name]
    if len(found) > 1:
        raise BodyError(f"the form has {name} twice: send it once", code=f"duplicate_{name}", param=name)
    if found and found[0].is_file:
        raise BodyError(f"{name} is sent as a file: send it as a plain form field", param=name)
    return found[0] if found else None


def field_text(body: bytes, part: FormPart) -> str:
    """A field's content as text that can be a header value."""
    if part.end - part.start > MAX_NAME_BYTES:
        raise BodyError(f"{part.name} is longer than {MAX_NAME_BYTES} bytes: send a shorter one", param=part.name)
    try:
        return check_header_value(body[part.start : part.end].decode(), part.name)
    except UnicodeDecodeError:
        raise BodyError(f"{part.name} is not UTF-8: send it in UTF-8", param=part.name) from None


def read_form_field(body: bytes, content_type: str, field: str) -> str | None:
    """A form field as text; see ``dialects.read_field``."""
    part = form_field(form_parts(body, content_type), field)
    return field_text(body, part) if part is not None and part.end > part.start else None


def _boundary(content_type: str) -> bytes:
    match = _CONTENT_TYPE.fullmatch(content_type.strip())
    if match is not None:
        return (match[1] or match[2]).encode()
    if content_type.strip()[:19].lower() == "multipart/form-data":
        raise _malformed("its Content-Type does not name one valid boundary")
    raise BodyError(
        "this API takes a form with a file: send multipart/form-data",
        code="unsupported_content_type",
        status=415,
    )


def _next_delimiter(body: bytes, delimiter: bytes, start: int) -> int:
    """Position of the next delimiter from ``start`` on, which must stand on a line of its own."""
    at = body.find(delimiter, start)
    if at < 0:
        raise _malformed("it is cut off before its last boundary")
    on_own_line = at == 0 or (at - 2 >= start and body.startswith(b"\r\n", at - 2))
    end = at + len(delimiter)
    if not on_own_line or not (body.startswith(b"\r\n", end) or body.startswith(b"--", end)):
        raise _malformed("its boundary also occurs inside a part")
    return at


def _part(body: bytes, head: int, end: int) -> FormPart:
    """The part whose headers begin at ``head`` and whose content ends at ``end``."""
    head_end = body.find(b"\r\n\r\n", head, min(head + MAX_PART_HEADER_BYTES, end))
    if head_end < 0:
        raise _malformed("a part has no headers, or very long ones")
    headers = _headers(body[head:head_end])
    name, is_file = _disposition(headers.get("content-disposition", ""))
    if not is_file:
        _check_plain(name, headers)
    return FormPart(name, is_file, head_end + 4, end)


def _headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    try:
        lines = block.decode().split("\r\n")
    except UnicodeDecodeError:
        raise _malformed("a part's headers are not UTF-8") from None
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise _malformed("a part has a malformed or doubled header")
        headers[match[1].lower()] = match[2]
    return headers


def _disposition(value: str) -> tuple[str, bool]:
    """Name and "is a file" of a Content-Disposition; every parameter at most once, the name in plain form."""
    params: dict[str, str] = {}
    at = len("form-data")
    valid = value[:at].lower() == "form-data"
    while valid and at < len(value):
        match = _PARAM.match(value, at)
        valid = match is not None and match[1].lower() not in params
        if match is not None:
            params[match[1].lower()] = match[2] if match[3] is None else match[3]
            at = match.end()
    if not valid or "name" not in params or "name*" in params or "\\" in params["name"]:
        raise _malformed("a part's Content-Disposition does not name its field plainly")
    return params["name"], "filename" in params or "filename*" in params


def _check_plain(name: str, headers: dict[str, str]) -> None:
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in _PLAIN_ENCODINGS or not _PLAIN_CHARSETS.fullmatch(headers.get("content-type", "")):
        raise BodyError(f"{name} is encoded: send it as plain UTF-8 text", code="invalid_form", param=name)


def _malformed(why: str) -> BodyError:
    return BodyError(f"the form cannot be read, {why}: send it as a plain HTTP client does", code="invalid_form")
