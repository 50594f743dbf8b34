"""Hosts and rules in Envoy's order, which takes the first route that fits in the one virtual host that fits best.

The route table falls through from a host's own rules to those of wider patterns, so every virtual host gets the rules
of its wider patterns too, after its own. A host belongs to the listener with the most specific hostname (listener
isolation); over TLS, a host of another listener than the connection's is misdirected (421).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from modelyard.envoy.api import Config
from modelyard.envoy.external_processing import asks_no_router
from modelyard.envoy.local_replies import fixed_answer
from modelyard.routing import hostnames
from modelyard.routing.listeners import Listener
from modelyard.routing.table import RouteEntry, RouteTable, precedence


def hosts_of(table: RouteTable, members: Sequence[Listener]) -> Iterator[tuple[str, Listener]]:
    """Every host pattern of the listeners that share a socket, with the listener that it belongs to."""
    patterns: dict[str, None] = {}
    for listener in members:
        patterns[listener.hostname] = None
        for entry in table.attached(listener):
            common = _intersection(listener.hostname, entry.hostname)
            if common is not None:
                patterns[common] = None
    for pattern in patterns:
        owner = _owner(pattern, members)
        if owner is not None:
            yield pattern, owner


def entries_in_order(attached: Iterable[RouteEntry], host: str) -> Iterator[RouteEntry]:
    """The matches that may serve a host pattern, in the order in which they are to be tried."""
    by_host: defaultdict[str, list[RouteEntry]] = defaultdict(list)
    for entry in attached:
        by_host[entry.hostname].append(entry)
    for pattern in dict.fromkeys(hostnames.candidates(host)):
        yield from sorted(by_host.get(pattern, ()), key=lambda entry: (entry.path.rank, precedence(entry)))


def domain(pattern: str) -> str:
    """A host pattern as Envoy writes it."""
    return pattern or "*"


def refuse_bad_hosts(pattern: str) -> list[Config]:
    """The first route of a host pattern that fits more than one name: what is no host gets 400. Envoy makes one value
    of two Host lines (``a,b``), and takes ``user@host`` for a host."""
    if pattern and not pattern.startswith("*"):
        return []
    authority = {"name": ":authority", "string_match": {"safe_regex": {"regex": _AUTHORITY}}, "invert_match": True}
    answer = fixed_answer(400, "malformed_request", "The Host header is not one 'name' or 'name:port'.")
    match = {"prefix": "/", "headers": [authority]}
    return [{"name": "bad_host", "match": match, **answer, "typed_per_filter_config": asks_no_router()}]


_AUTHORITY = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
"""As the gateway's own (``http1.request_parsing``)."""


def _owner(pattern: str, members: Sequence[Listener]) -> Listener | None:
    for candidate in hostnames.candidates(pattern):
        for listener in members:
            if listener.hostname == candidate:
                return listener
    return None


def _intersection(one: str, other: str) -> str | None:
    """The pattern of the hosts that fit both; None: there is none."""
    if not hostnames.intersects(one, other):
        return None
    return max(one, other, key=hostnames.specificity) if one and other else one or other
