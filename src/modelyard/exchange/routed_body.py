"""Headers that a body decides, so that a proxy can route by them (body-based routing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from modelyard.bodies.dialects import read_field
from modelyard.bodies.facts import BodyError
from modelyard.bodies.json_request import model_name
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL, MemberScanner
from modelyard.bodies.prefixed_paths import prefixed_dialect
from modelyard.exchange.header_text import on_the_wire
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME

if TYPE_CHECKING:
    from modelyard.exchange.gateway import Gateway
    from modelyard.http1.message_heads import Headers, RequestHead


def routing_headers(
    gateway: Gateway, head: RequestHead, body: bytes, *, base_model: bool
) -> tuple[Headers, str | None]:
    """The headers that a whole ``body`` gives, under the names that are configured; and its model.

    A field that is absent, and a body that cannot be read, give none: it is not this service that refuses a request.
    ``base_model``: the base of the body's model is wanted too.
    """
    content_type = head.by_name.get("content-type", "")
    model = _model(head, body)
    fields: Headers = []
    for item in gateway.snapshot.body_headers:
        value = model if item.field == "model" else _field(body, content_type, item.field)
        if value is not None:
            fields.append((item.header, on_the_wire(value)))
    return (fields + _base(gateway, model) if base_model else fields), model


def headers_of_beginning(gateway: Gateway, beginning: bytes, *, base_model: bool) -> Headers:
    """The same where only the beginning of a JSON body is seen: of the model, if it is named there."""
    model = scanned_model(beginning)
    if model is None:
        return []
    fields = [(item.header, on_the_wire(model)) for item in gateway.snapshot.body_headers if item.field == "model"]
    return fields + _base(gateway, model) if base_model else fields


def scanned_model(beginning: bytes) -> str | None:
    """The model that the beginning of a JSON body names; None: none, or none that could be served."""
    spans, _ = MemberScanner(TOP_LEVEL_MODEL).scan(beginning)
    if not spans:
        return None
    start, end = spans[0]
    try:
        return model_name(msgspec.json.decode(beginning[start:end], type=str))
    except (msgspec.DecodeError, UnicodeDecodeError, BodyError):
        return None


class _Named(msgspec.Struct):
    model: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def has_model_member(body: bytes) -> bool:
    """A JSON body has a ``model``, whatever its value."""
    try:
        return msgspec.json.decode(body, type=_Named).model is not msgspec.UNSET
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _base(gateway: Gateway, model: str | None) -> Headers:
    base = gateway.base_of.get(model) if model is not None else None
    return [] if base is None else [(BASE_MODEL_NAME, on_the_wire(base))]


def _model(head: RequestHead, body: bytes) -> str | None:
    """The model's name, read as strictly as where the request is served."""
    by_name = head.by_name
    content_type = by_name.get("content-type", "")
    dialect = prefixed_dialect(head.method or "POST", head.path)
    if dialect is None:
        return _field(body, content_type, "model")
    try:
        return dialect.read(body, content_type, by_name.get("content-encoding", "")).model
    except BodyError:
        return None


def _field(body: bytes, content_type: str, name: str) -> str | None:
    try:
        return read_field(body, content_type, name)
    except BodyError:
        return None
