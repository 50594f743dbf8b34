"""The route table of one snapshot: what a data-plane worker asks for every request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from modelyard.routing import hostnames
from modelyard.routing.indexing import LAST
from modelyard.routing.listeners import Listener
from modelyard.routing.matching import NO_QUERY, Conditions, parse_query
from modelyard.routing.paths import Bucket, Chain, PathMap, PathMatch
from modelyard.routing.rules import CompiledRule

_K = TypeVar("_K")
_V = TypeVar("_V")

_REMEMBERED = 2048
"""Answers kept per listener group, by host and path; emptied when full, so memory is bounded."""

_REMEMBERED_LENGTH = 512
"""Longest host and path together that is worth keeping."""


@dataclass(slots=True, frozen=True)
class RouteEntry:
    """One match of one rule, as it goes into the table."""

    hostname: str
    """Pattern of the route; empty where the route names none."""
    path: PathMatch
    conditions: Conditions
    rule: CompiledRule
    age: tuple[str, str]
    """Creation time (RFC 3339 or empty) and ``namespace/name`` of the route; the smaller wins."""
    position: tuple[int, int]
    """Index of the rule and of the match within the route."""


class Candidates:
    """The rules that may serve one host and path, in precedence order. Shared between requests."""

    __slots__ = ("_buckets", "_indexes", "_reads_query", "reaches_pool", "reads_headers")

    def __init__(self, chain: Chain) -> None:
        self._buckets = chain
        self._indexes = tuple(bucket.index for bucket in chain)
        self._reads_query = any(bucket.reads_query for bucket in chain)
        self.reads_headers: frozenset[str] = frozenset[str]().union(*(b.reads_headers for b in chain))
        """Lower-case names of the headers that matches read; one set from the body needs the body first."""
        self.reaches_pool: bool = any(bucket.reaches_pool for bucket in chain)
        """Whether a rule leads to an InferencePool, so that the request is for a model server."""

    @property
    def rules(self) -> tuple[CompiledRule, ...]:
        """Every rule, in precedence order (a rule with several matches may come more than once)."""
        return tuple(entry[2] for bucket in self._buckets for entry in bucket.entries)

    def select(self, method: str, headers: Mapping[str, str], query: str) -> CompiledRule | None:
        """The rule for a request; None: nothing fits, answer 404.

        ``headers`` maps lower-case names to values; ``query`` is the text after ``?``, not decoded.
        """
        parameters = parse_query(query) if self._reads_query else NO_QUERY
        for index in self._indexes:
            found = index.first(LAST, method, headers, parameters)
            if found is not None:
                return found[2]
        return None


class RouteTable:
    """All listeners and rules of one snapshot. Built whole, never changed."""

    __slots__ = ("_entries", "_groups", "listeners")

    def __init__(self, entries: Mapping[Listener, Sequence[RouteEntry]]) -> None:
        self.listeners: tuple[Listener, ...] = tuple(entries)
        self._entries = {listener: tuple(attached) for listener, attached in entries.items()}
        by_group: defaultdict[str, list[_ListenerRoutes]] = defaultdict(list)
        for listener, attached in entries.items():
            by_group[listener.group].append(_ListenerRoutes(listener, attached))
        self._groups = {group: _Group(members) for group, members in by_group.items()}

    @property
    def groups(self) -> tuple[str, ...]:
        """Ids of the listener groups: one socket each."""
        return tuple(self._groups)

    def entries(self, group: str | None = None) -> Iterator[RouteEntry]:
        """Every match of every rule, of one listener group or of all (None)."""
        for listener, attached in self._entries.items():
            if group in (None, listener.group):
                yield from attached

    def attached(self, listener: Listener) -> tuple[RouteEntry, ...]:
        """Every match of every rule that is attached to one listener, in no order."""
        return self._entries.get(listener, ())

    def candidates(self, group: str, host: str, path: str) -> Candidates | None:
        """The rules for a host and path on the socket of ``group``; None: answer 404.

        ``host`` is normalised (``hostnames.normalize``); ``path`` is the path without query.
        Only the listener with the most specific hostname counts (listener isolation).
        """
        found = self._groups.get(group)
        return None if found is None else found.candidates(host, path)

    def listener(self, group: str, host: str) -> Listener | None:
        """The listener for a Host or an SNI (normalised): the most specific wins; None: none fits."""
        found = self._groups.get(group)
        routes = None if found is None else found.routes(host)
        return None if routes is None else routes.listener

    def misdirected(self, group: str, sni: str, host: str) -> bool:
        """Whether a request over TLS belongs to another listener than its connection: answer 421.

        A host that no listener serves is not misdirected (404); nor is anything where the client sent no SNI.
        """
        serving = self.listener(group, host) if sni else None
        return serving is not None and serving is not self.listener(group, sni)


class _ListenerRoutes:
    """The rules attached to one listener, by host pattern and path."""

    __slots__ = ("_hosts", "listener")

    def __init__(self, listener: Listener, entries: Iterable[RouteEntry]) -> None:
        self.listener = listener
        by_host: defaultdict[str, list[RouteEntry]] = defaultdict(list)
        for entry in entries:
            by_host[entry.hostname].append(entry)
        self._hosts = {host: PathMap(_buckets(found)) for host, found in by_host.items()}

    def chain(self, host: str, path: str) -> Chain:
        chain: Chain = ()
        for pattern in hostnames.candidates(host):
            paths = self._hosts.get(pattern)
            if paths is not None:
                chain += paths.chain(path)
        return chain


class _Group:
    """The listeners that share a socket."""

    __slots__ = ("_by_chain", "_by_hostname", "_by_request")

    def __init__(self, members: Iterable[_ListenerRoutes]) -> None:
        self._by_hostname = {member.listener.hostname: member for member in members}
        self._by_request: dict[tuple[str, str], Candidates | None] = {}
        self._by_chain: dict[Chain, Candidates] = {}

    def routes(self, host: str) -> _ListenerRoutes | None:
        for pattern in hostnames.candidates(host):
            found = self._by_hostname.get(pattern)
            if found is not None:
                return found
        return None

    def candidates(self, host: str, path: str) -> Candidates | None:
        try:
            return self._by_request[host, path]
        except KeyError:
            found = self._find(host, path)
        if len(host) + len(path) <= _REMEMBERED_LENGTH:
            _remember(self._by_request, (host, path), found)
        return found

    def _find(self, host: str, path: str) -> Candidates | None:
        routes = self.routes(host)
        chain = () if routes is None else routes.chain(host, path)
        if not chain:
            return None
        found = self._by_chain.get(chain)
        if found is None:
            found = Candidates(chain)
            _remember(self._by_chain, chain, found)
        return found


def _remember(cache: dict[_K, _V], key: _K, value: _V) -> None:
    if len(cache) >= _REMEMBERED:
        cache.clear()
    cache[key] = value


def _buckets(entries: Iterable[RouteEntry]) -> list[Bucket]:
    by_path: defaultdict[PathMatch, list[RouteEntry]] = defaultdict(list)
    for entry in entries:
        by_path[entry.path].append(entry)
    return [Bucket(path, _in_order(found)) for path, found in by_path.items()]


def _in_order(entries: list[RouteEntry]) -> list[tuple[int, Conditions, CompiledRule]]:
    entries.sort(key=precedence)
    return [(at, entry.conditions, entry.rule) for at, entry in enumerate(entries)]


def precedence(entry: RouteEntry) -> tuple[object, ...]:
    """Orders the matches with one path: by prefix length as written, conditions, age and name of the route (those
    without time last), place."""
    return (-entry.path.length, entry.conditions.rank, not entry.age[0], entry.age, entry.position)
