"""What is the same for every request with the same head and model, worked out once per snapshot.

Clients repeat their heads. So a request that goes the plain way (its model decides the route, one backend, nothing is
drawn at random) leaves what was found in ``RequestHead.shared``, and the next one with the same bytes follows it. Every
value is a function of the head's bytes, the model and the snapshot; what changes with the fleet is looked up each time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelyard.exchange.body_reading import dialect_of
from modelyard.exchange.commands import ReadBody
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME

if TYPE_CHECKING:
    from modelyard.bodies.dialects import Dialect
    from modelyard.bodies.facts import RequestFacts
    from modelyard.exchange.backend_state import BackendState
    from modelyard.exchange.contract import ClientFacts
    from modelyard.exchange.gateway import Gateway
    from modelyard.http1.message_heads import RequestHead
    from modelyard.routing.backends import CompiledBackend
    from modelyard.routing.rules import CompiledRule
    from modelyard.routing.table import Candidates
    from modelyard.snapshot import Snapshot

MOST_HEADS = 1024
MOST_MODELS = 64
"""Routes kept per head: clients choose the model's name, so a full table is emptied."""

ID_MARK, ADDRESS_MARK, LENGTH_MARK = "\x7fi", "\x7fa", "\x7fl"
"""Stand in a head for what differs from request to request. No field of a client can hold DEL (see ``http1``)."""

_MARKS = re.compile("\x7f(.)")


class HeadTemplate:
    """A checked upstream head with gaps for the request's id, the client's address and the body's length."""

    __slots__ = ("_after_address", "_after_id", "_before_id", "_end")

    def __init__(self, parts: list[str]) -> None:
        self._before_id, _, self._after_id, _, self._after_address, _, self._end = parts

    @staticmethod
    def of(wire: bytes) -> HeadTemplate | None:
        """The template of a head that was made with the three marks; None where a filter took one of them out."""
        parts = _MARKS.split(wire.decode("latin-1"))
        return HeadTemplate(parts) if parts[1::2] == ["i", "a", "l"] else None

    def fill(self, request_id: str, address: str, length: int) -> bytes:
        """The head on the wire. ``address`` is an IP address, so no check is needed again."""
        return (
            f"{self._before_id}{request_id}{self._after_id}{address}{self._after_address}{length}{self._end}"
        ).encode("latin-1")


class KnownRoute:
    """Where requests with one head and one model go."""

    __slots__ = ("backend", "base", "filtered", "path", "priority", "rule", "state", "target", "templates")

    def __init__(
        self,
        rule: CompiledRule,
        backend: CompiledBackend,
        state: BackendState,
        path: str,
        priority: int,
        target: str,
        base: str | None,
    ) -> None:
        self.rule = rule
        self.backend = backend
        self.state = state
        self.path = path
        self.priority = priority
        self.target = target
        self.base = base
        """The base model's name among the headers when the route was chosen; it may change with the fleet."""
        self.filtered = bool(rule.filters or backend.filters)
        self.templates: dict[str, HeadTemplate | None] = {}
        """By engine, and the model's name there where it is not the client's; None: such heads are made anew each
        time."""


class KnownHead:
    """What one head means on one listener, up to the body."""

    __slots__ = (
        "candidates",
        "content_encoding",
        "content_type",
        "dialect",
        "listener",
        "model_headers",
        "read_body",
        "routes",
        "server_name",
        "snapshot",
    )

    def __init__(
        self, head: RequestHead, gateway: Gateway, client: ClientFacts, candidates: Candidates, dialect: Dialect
    ) -> None:
        self.snapshot: Snapshot = gateway.snapshot
        self.listener = client.listener
        self.server_name = client.server_name
        self.candidates = candidates
        self.dialect = dialect
        self.content_type = head.by_name.get("content-type", "")
        self.content_encoding = head.by_name.get("content-encoding", "")
        self.model_headers = [item.header for item in gateway.snapshot.body_headers]
        self.read_body = ReadBody(gateway.settings.body_limit)
        self.routes: dict[str, KnownRoute] = {}
        """By the model that the client names."""

    def read(self, body: bytes, head: RequestHead, gateway: Gateway) -> RequestFacts:
        """``body_reading.read_body`` for this head. Raises ``BodyError``."""
        facts = self.dialect.read(body, self.content_type, self.content_encoding)
        model = facts.model
        if model is not None:
            by_name = head.by_name
            for header in self.model_headers:
                by_name[header] = model
            base = gateway.base_of.get(model)
            if base is not None:
                by_name[BASE_MODEL_NAME] = base
        return facts

    def way(self, model: str | None, head: RequestHead) -> KnownRoute | None:
        """Where an equal request for ``model`` went; None: that is to be worked out."""
        if model is None:
            return None
        way = self.routes.get(model)
        return way if way is not None and way.base == head.by_name.get(BASE_MODEL_NAME) else None

    def keep(self, model: str, route: KnownRoute) -> None:
        if len(self.routes) >= MOST_MODELS:
            self.routes.clear()
        self.routes[model] = route


def known_head(head: RequestHead, gateway: Gateway, client: ClientFacts) -> KnownHead | None:
    """What an equal head left, if it came the same way under the same snapshot."""
    known: KnownHead | None = head.shared.get("route")
    if (
        known is not None
        and head.has_body
        and known.snapshot is gateway.snapshot
        and known.listener == client.listener
        and known.server_name == client.server_name
    ):
        return known
    return None


def remember_head(head: RequestHead, gateway: Gateway, client: ClientFacts, candidates: Candidates) -> KnownHead | None:
    """Keep what ``head`` means; None: routes depend on more of the body than the model, or on the connection."""
    dialect = dialect_of(head.method, head.path)
    if dialect is None or not gateway.routes_by_model_only or not head.authority or not client.address:
        return None
    known = head.shared["route"] = KnownHead(head, gateway, client, candidates, dialect)
    if len(gateway.known_heads) >= MOST_HEADS:
        forget_heads(gateway)
        head.shared["route"] = known
    gateway.known_heads.append(head.shared)
    return known


def forget_heads(gateway: Gateway) -> None:
    """Let go of everything kept, so that a snapshot that is no longer in force takes no memory."""
    for shared in gateway.known_heads:
        shared.pop("route", None)
    gateway.known_heads.clear()


def is_plain(rule: CompiledRule, backend: CompiledBackend) -> bool:
    """Whether nothing about this way is drawn or answered per request (weights, mirrors, redirects, CORS)."""
    return len(rule.backends.all) == 1 and not any(
        filters.mirrors or filters.redirect or filters.cors for filters in (rule.filters, backend.filters)
    )
