"""Headers that a body decides, so that a proxy can route by them (body-based routing)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from modelyard.bodies.dialects import read_field
from modelyard.bodies.facts import BodyError
from modelyard.bodies.json_request import json_member, model_name, read_json_field
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL, MemberScanner
from modelyard.bodies.prefixed_paths import prefixed_dialect
from modelyard.exchange.header_text import on_the_wire
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME
from modelyard.resources.helm import BASE_MODEL_TO_HEADER, BODY_FIELD_TO_HEADER

if TYPE_CHECKING:
    from modelyard.exchange.gateway import Gateway
    from modelyard.http1.message_heads import Headers, RequestHead


class Watch(Protocol):
    """Who counts what plugins take and what bodies lack."""

    def begin(self) -> None: ...
    def ran(self, kind: str, name: str) -> None: ...
    def lacks(self, field: str) -> None: ...
    def has_empty(self, field: str) -> None: ...


class ModelMember:
    """The ``model`` of one JSON body as it is written, looked for when it is asked for, and once: a body may be
    large."""

    __slots__ = ("_body", "_written")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._written: bytes | None = None

    @property
    def written(self) -> bytes:
        """Empty: there is none."""
        if self._written is None:
            self._written = _written(self._body, "model")
        return self._written

    def trimmed(self) -> str | None:
        """A name without the spaces around it, with which it can be no header. Adapters are found by it, as in the
        original."""
        if self.written[:1] != b'"':
            return None
        try:
            return read_json_field(self._body, "model", trimmed=True)
        except BodyError:
            return None


def routing_headers(
    gateway: Gateway,
    head: RequestHead,
    body: bytes,
    *,
    base_model: bool,
    watch: Watch | None = None,
    member: ModelMember | None = None,
) -> tuple[Headers, str | None]:
    """The headers that a whole ``body`` gives, under the names that are configured; and its model.

    A field that is absent, and a body that cannot be read, give none: it is not this service that refuses a request.
    ``base_model``: the base of the body's model is wanted too. ``member``: that of ``body``, where the caller asks for
    it as well.
    """
    member = member or ModelMember(body)
    content_type = head.by_name.get("content-type", "")
    if watch is not None:
        watch.begin()
    model = _model(head, body)
    fields: Headers = []
    for item in gateway.snapshot.body_headers:
        value = model if item.field == "model" else _field(body, content_type, item.field)
        if value is not None:
            fields.append((item.header, on_the_wire(value)))
        if watch is not None:
            watch.ran(BODY_FIELD_TO_HEADER, item.plugin)
            if value is None:
                _count_lack(watch, item.field, member.written if item.field == "model" else _written(body, item.field))
    if base_model:
        fields += _base(gateway, member.trimmed() if model is None else model)
        if watch is not None:
            watch.ran(BASE_MODEL_TO_HEADER, gateway.snapshot.base_model_plugin)
    return fields, model


def headers_of_beginning(gateway: Gateway, beginning: bytes, *, base_model: bool) -> Headers:
    """The same where only the beginning of a JSON body is seen: of the model, if it is named there by a text."""
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


def _written(body: bytes, field: str) -> bytes:
    """The field as a JSON body has it; empty: there is none."""
    try:
        return json_member(body, field)
    except BodyError:
        return b""


def _count_lack(watch: Watch, field: str, written: bytes) -> None:
    if not written:
        watch.lacks(field)
    elif written in _EMPTY:
        watch.has_empty(field)


_EMPTY = (b'""', b"null")


def _base(gateway: Gateway, model: str | None) -> Headers:
    base = gateway.base_of.get(model) if model is not None else None
    return [] if base is None else [(BASE_MODEL_NAME, on_the_wire(base))]


def _model(head: RequestHead, body: bytes) -> str | None:
    """The model's name, read as strictly as where the request is served. A number or a boolean, which is refused there,
    is a name here: routes may match it, as with the original."""
    by_name = head.by_name
    content_type = by_name.get("content-type", "")
    dialect = prefixed_dialect(head.method or "POST", head.path)
    if dialect is None:
        return _field(body, content_type, "model")
    try:
        return dialect.read(body, content_type, by_name.get("content-encoding", "")).model
    except BodyError as error:
        return _field(body, content_type, "model") if error.code == "invalid_model" else None


def _field(body: bytes, content_type: str, name: str) -> str | None:
    try:
        return read_field(body, content_type, name)
    except BodyError:
        return None
