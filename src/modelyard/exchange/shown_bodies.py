"""What a picker knows of a request: from its body, from the beginning of one, or from its head alone. Paths are those
of routes, which need not be an engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.bodies.any_api import AnyApi
from modelyard.bodies.facts import BodyError, RequestFacts
from modelyard.bodies.model_names import check_header_value
from modelyard.bodies.prefixed_paths import prefixed_dialect
from modelyard.exchange.body_reading import NO_FACTS
from modelyard.exchange.header_text import off_the_wire
from modelyard.exchange.routed_body import scanned_model
from modelyard.exchange.trusted_headers import MODEL_NAME

if TYPE_CHECKING:
    from modelyard.http1.message_heads import RequestHead

_ANY_API = AnyApi()


def facts_of(head: RequestHead, body: bytes) -> RequestFacts:
    """Of a whole body. Raises BodyError. A path that shows no API says nothing about its body: one that is no JSON goes
    on."""
    by_name = head.by_name
    content_type, encoding = by_name.get("content-type", ""), by_name.get("content-encoding", "")
    dialect = prefixed_dialect(head.method or "POST", head.path)
    if dialect is not None:
        return dialect.read(body, content_type, encoding)
    if not head.path:
        return _ANY_API.read(body, content_type, encoding)
    try:
        facts = _ANY_API.read(body, content_type, encoding)
    except BodyError:
        return NO_FACTS
    return facts if facts.model is not None else NO_FACTS


def named_in_head(head: RequestHead) -> RequestFacts:
    """Where no body is shown: the model that a body-based router before this one has read."""
    named = head.by_name.get(MODEL_NAME)
    if not named:
        return NO_FACTS
    try:
        return RequestFacts(dialect="", model=check_header_value(off_the_wire(named), MODEL_NAME))
    except BodyError:
        return NO_FACTS


def named_in_beginning(beginning: bytes) -> RequestFacts | None:
    """Of a body of which no more is shown; None: no model is named in it."""
    model = scanned_model(beginning)
    return None if model is None else RequestFacts(dialect=_ANY_API.name, model=model)
