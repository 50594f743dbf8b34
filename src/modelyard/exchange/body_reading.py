"""What the request body decides: the facts of its API, and the headers that routes match on (body-based routing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.bodies.api_paths import normalise_path
from modelyard.bodies.dialects import Dialect, dialect_for, read_field
from modelyard.bodies.facts import RequestFacts
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME

if TYPE_CHECKING:
    from modelyard.exchange.gateway import Gateway
    from modelyard.http1.message_heads import RequestHead

NO_FACTS = RequestFacts(dialect="")


def read_body(gateway: Gateway, head: RequestHead, path: str, body: bytes) -> RequestFacts:
    """The facts of ``body`` as sent to ``path``; sets the model headers (and those that plugins name) in
    ``head.by_name``.

    A client's own headers of these names are gone already, so a body without the field leaves them unset.
    Raises ``BodyError``.
    """
    by_name = head.by_name
    content_type = by_name.get("content-type", "")
    dialect = dialect_of(head.method, path)
    facts = NO_FACTS
    if dialect is not None:
        facts = dialect.read(body, content_type, by_name.get("content-encoding", ""))
    for item in gateway.snapshot.body_headers:
        if item.field == "model" and dialect is not None:
            value = facts.model
        else:
            value = read_field(body, content_type, item.field)
        if value is not None:
            by_name[item.header] = value
    base = gateway.base_of.get(facts.model) if facts.model is not None else None
    if base is not None:
        by_name[BASE_MODEL_NAME] = base
    return facts


def takes_body(method: str, path: str) -> bool:
    """Whether a request to ``path`` means nothing without a body: a model API that names its model there."""
    return dialect_of(method, path) is not None


def dialect_of(method: str, path: str) -> Dialect | None:
    """The API that a request to ``path`` speaks, in whatever spelling; None: none that is read here."""
    dialect = dialect_for(method, path)
    if dialect is None:
        normal = normalise_path(path)
        if normal is not None and normal != path:
            dialect = dialect_for(method, normal)
    return dialect
