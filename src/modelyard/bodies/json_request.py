"""Reading JSON request bodies so that no engine can read another model out of them.

Engines parse with different parsers: some take the last of two equal keys, some the first; some accept NaN,
a byte order mark or UTF-16; some fall over at deep nesting. So a body in which parsers could differ is
refused here with 400, and what passes is one JSON object in UTF-8, with one ``model`` at most, that is a
string usable as a header value.

Only the fields that are used are decoded; the rest is skipped (and checked as JSON) in C. Content-Type is
not asked for: engines differ (vLLM wants application/json, others take anything) and answer for themselves,
the same bytes being what they get. multipart is refused, since nothing of it could be read.

The readers are not thread-safe; the data path of a worker is one thread.
"""

from __future__ import annotations

import codecs
import sys
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from modelyard.bodies.facts import BodyError
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL, MemberScanner, Watch
from modelyard.bodies.model_names import check_header_value

MAX_DEPTH = 4_000
"""Deepest nesting of a body on any interpreter; those before 3.12 stop at about 1,000. No real request comes near it,
and Python engines fail at 1,000 to 10,000."""

MAX_CONTAINERS = 250_000
"""Most objects and arrays in a body that must be walked, so that no walk is long."""

LARGE_BYTES = 1 << 20
"""From this size on no value is decoded that could take far more memory than its text, ``model`` included."""

MAX_PROMPT_BYTES = 128 * 1024
"""How much of a prompt is kept for prefix matching (about 32,000 tokens); the rest would only be copied."""

_STACK_BOUNDS_DEPTH = sys.version_info < (3, 12)
"""The interpreter's recursion limit (1,000) bounds the decoder's depth; newer ones let it go to 9,000 and
more."""

ABSENT = msgspec.Raw()
"""Default of a field that is kept as raw JSON."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A number of tokens or choices."""


class ModelField:
    """The type of a ``model`` member; it exists so that the decoder reports each one that it meets."""

    __slots__ = ()


_MODEL_FIELD = ModelField()


class JsonRequest(msgspec.Struct, gc=False):
    """Base of the shapes that dialects read: the fields used, with a default for every one."""

    model: ModelField = _MODEL_FIELD


class StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


Shape = TypeVar("Shape", bound=JsonRequest)


class JsonReader(Generic[Shape]):
    """Reads bodies into one shape."""

    __slots__ = ("_decoder", "_fields", "_models", "_raw_decoder", "_shape")

    def __init__(self, shape: type[Shape]) -> None:
        self._shape = shape
        self._models: list[str | None] = []
        self._decoder = msgspec.json.Decoder(shape, dec_hook=self._met)
        fields = msgspec.structs.fields(shape)
        self._raw_decoder = msgspec.json.Decoder(
            msgspec.defstruct("RawFields", [(field.name, msgspec.Raw, ABSENT) for field in fields])
        )
        self._fields = {f.name: msgspec.json.Decoder(f.type) for f in fields if f.type is not ModelField}

    def _met(self, _type: type, value: object) -> ModelField:
        self._models.append(value if type(value) is str else None)
        return _MODEL_FIELD

    def read(self, body: bytes, content_type: str, content_encoding: str) -> tuple[Shape, str | None]:
        """The fields, and the model's name (None: the body names none); raises BodyError."""
        check_encoding(body, content_type, content_encoding)
        if len(body) > LARGE_BYTES:
            return self._read_walked(body)
        models = self._models
        models.clear()
        try:
            request = decode(self._decoder, body)
        except msgspec.ValidationError:
            return self._read_walked(body)
        if _may_be_deep(body):
            walk(body, TOP_LEVEL_MODEL)
        if not models:
            return request, None
        if len(models) > 1:
            raise duplicate("model")
        return request, model_name(models[0])

    def _read_walked(self, body: bytes) -> tuple[Shape, str | None]:
        """The same for large bodies, and for those with a field of another type than documented, which
        counts as absent: whether it is an error is the engine's to say."""
        raw = decode_object(self._raw_decoder, body)
        if _may_differ(body) and walk(body, TOP_LEVEL_MODEL) > 1:
            raise duplicate("model")
        values = {name: _tolerated(decoder, getattr(raw, name)) for name, decoder in self._fields.items()}
        request = self._shape(**{name: value for name, value in values.items() if value is not None})
        return request, model_name(_string(raw.model)) if len(raw.model) else None


def check_encoding(body: bytes, content_type: str, content_encoding: str) -> None:
    """Refuse what could not be read as JSON in UTF-8 at all."""
    if content_encoding:
        check_identity(content_encoding)
    if content_type[:10].lower() == "multipart/":
        message = "this API takes JSON, not multipart: send application/json"
        raise BodyError(message, code="unsupported_content_type", status=415)
    if not body.isascii():
        _check_utf8(body)


def check_identity(content_encoding: str) -> None:
    """Compressed bodies are refused: nothing here inflates what a client sends."""
    if content_encoding.strip().lower() not in ("", "identity"):
        message = "compressed request bodies are not accepted: send the body without Content-Encoding"
        raise BodyError(message, code="unsupported_content_encoding", status=415)


def decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """Decode, with malformed JSON as BodyError; a ValidationError (well-formed, other types) is passed on."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BodyError(f"the body is not valid JSON: {error}", code="invalid_json") from None
    except RecursionError:
        raise _too_deep() from None


def decode_object(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """Decode into a shape of raw fields, which any object fits."""
    try:
        return decode(decoder, body)
    except msgspec.ValidationError:
        raise BodyError("the body is not a JSON object: send an object", code="invalid_json") from None


def walk(body: bytes, watch: Watch) -> int:
    """How many wanted members a body has; refuses bodies that are nested too deeply or hold too many
    objects."""
    scanner = MemberScanner(watch, MAX_DEPTH, MAX_CONTAINERS)
    scanner.scan(body)
    if scanner.depth > MAX_DEPTH:
        raise _too_deep()
    if scanner.over_limit:
        raise BodyError(f"the body holds more than {MAX_CONTAINERS} objects and arrays: split it", code="invalid_json")
    return scanner.seen


def _may_be_deep(body: bytes) -> bool:
    """Whether the decoder's success leaves open that the body is nested too deeply."""
    if _STACK_BOUNDS_DEPTH or len(body) < 2 * MAX_DEPTH:
        return False
    return body.count(b"[") + body.count(b"{") > MAX_DEPTH


def _may_differ(body: bytes) -> bool:
    """False proves that a body has ``model`` once at most at its top, and no great depth. Each of its
    letters, escaped, begins with ``\\u006``."""
    return body.count(b'"model"') > 1 or b"\\u006" in body or _may_be_deep(body)


def duplicate(field: str) -> BodyError:
    return BodyError(f"the body has {field} twice: send it once", code=f"duplicate_{field}", param=field)


def model_name(value: str | None) -> str:
    """A decoded ``model`` (None: no string) as a name; BodyError where it is none."""
    if value is None:
        raise BodyError("model is not a string: send the model's name as a string", code="invalid_model", param="model")
    return check_header_value(value, "model")


def prompt_facts(*parts: msgspec.Raw) -> tuple[bytes, int]:
    """Raw JSON of the prompt's parts, joined in engine order, and an estimate of its tokens."""
    total = sum(map(len, parts))
    if total <= MAX_PROMPT_BYTES:
        return b"".join(parts), total >> 2
    return b"".join([memoryview(part)[:MAX_PROMPT_BYTES] for part in parts])[:MAX_PROMPT_BYTES], total >> 2


def read_json_field(body: bytes, field: str, *, trimmed: bool = False) -> str | None:
    """A top-level field as text; see ``dialects.read_field``. ``trimmed``: without spaces around it."""
    value = json_member(body, field)
    if walk(body, {field: None}) > 1:
        raise duplicate(field)
    if value[:1] in (b"[", b"{"):
        raise BodyError(f"{field} is a list or an object: send a string or a number", param=field)
    text = _string(value) if value[:1] == b'"' else value.replace(b"null", b"").decode()
    if trimmed and text:
        text = text.strip()
    return check_header_value(text, field) if text else None


def json_member(body: bytes, field: str) -> bytes:
    """A top-level field as it is written; empty: there is none. A name that JSON must escape is never found. Raises
    BodyError."""
    check_encoding(body, "", "")
    if msgspec.json.encode(field) != f'"{field}"'.encode():
        return b""
    return bytes(decode_object(_field_decoder(field), body).value)


@lru_cache(maxsize=64)
def _field_decoder(field: str) -> msgspec.json.Decoder[Any]:
    shape = msgspec.defstruct("Field", [("value", msgspec.Raw, ABSENT)], rename={"value": field})
    return msgspec.json.Decoder(shape)


def _string(value: msgspec.Raw | bytes) -> str | None:
    """What a JSON string says; None for any other value (which is not decoded: it could be huge)."""
    return msgspec.json.decode(value, type=str) if memoryview(value)[:1].tobytes() == b'"' else None


def _tolerated(decoder: msgspec.json.Decoder[Any], value: msgspec.Raw) -> Any:
    if not len(value):
        return None
    try:
        return decoder.decode(value)
    except msgspec.ValidationError:
        return None
    except RecursionError:
        raise _too_deep() from None


def _check_utf8(body: bytes) -> None:
    """Strict UTF-8, a megabyte at a time: the decoder does not check the text that it skips."""
    try:
        if len(body) <= LARGE_BYTES:
            body.decode()
            return
        view, at = memoryview(body), 0
        while at < len(body):
            end = at + LARGE_BYTES
            at += codecs.utf_8_decode(view[at:end], "strict", end >= len(body))[1]
    except UnicodeDecodeError as error:
        raise BodyError(f"the body is not valid UTF-8: {error.reason}", code="invalid_json") from None


def _too_deep() -> BodyError:
    return BodyError(f"the body is nested deeper than {MAX_DEPTH} levels: flatten it", code="invalid_json")
