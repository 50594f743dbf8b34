"""Path matches, and the map from a request's path to the buckets of rules that it may fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from modelyard.routing.indexing import Entry, Index, index

if TYPE_CHECKING:
    from modelyard.routing.patterns import Pattern


class PathKind(IntEnum):
    """In precedence order. The specification leaves the place of expressions to us."""

    EXACT = 0
    REGEX = 1
    PREFIX = 2


@dataclass(slots=True, frozen=True)
class PathMatch:
    """One path condition. ``value`` of a prefix has no trailing slash, so ``/`` is the empty string."""

    kind: PathKind
    value: str
    pattern: Pattern | None = field(default=None, compare=False)
    length: int = field(default=0, compare=False)
    """Characters as the route wrote it: ``/a/`` beats ``/a``, though both mean the same prefix."""

    @staticmethod
    def prefix(value: str) -> PathMatch:
        return PathMatch(PathKind.PREFIX, value.rstrip("/"), length=len(value))

    @staticmethod
    def exact(value: str) -> PathMatch:
        return PathMatch(PathKind.EXACT, value)

    @staticmethod
    def regex(pattern: Pattern) -> PathMatch:
        return PathMatch(PathKind.REGEX, pattern.source, pattern)

    def fits(self, path: str) -> bool:
        """Whether ``path`` (as sent, no query) fits: a prefix by whole elements."""
        if self.kind is PathKind.EXACT:
            return path == self.value
        if self.kind is PathKind.PREFIX:
            return path.startswith(self.value) and path[len(self.value) : len(self.value) + 1] in ("", "/")
        return self.pattern is not None and self.pattern.fits(path)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Precedence, smaller first: the kind, then the longest, then the text (to be stable)."""
        return (self.kind, -len(self.value), self.value)


class Bucket:
    """All rules with the same path match under one host pattern, in precedence order."""

    __slots__ = ("entries", "index", "path", "reaches_pool", "reads_headers", "reads_query")

    def __init__(self, path: PathMatch, entries: Sequence[Entry]) -> None:
        self.path = path
        self.entries = tuple(entries)
        self.index: Index = index(self.entries)
        self.reads_headers = frozenset[str]().union(*(held.reads_headers for _, held, _ in entries))
        self.reaches_pool = any(rule.backends.reach_pool for _, _, rule in entries)
        self.reads_query = any(held.reads_query for _, held, _ in entries)


Chain = tuple[Bucket, ...]
"""Buckets that one path may fit, in precedence order."""


class PathMap:
    """The buckets of one host pattern, by path. A lookup costs one step per path element, not per route."""

    __slots__ = ("_exact", "_longest", "_prefixes", "_regexes")

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        ordered = sorted(buckets, key=lambda bucket: bucket.path.rank)
        self._regexes = tuple(bucket for bucket in ordered if bucket.path.kind is PathKind.REGEX)
        by_prefix = {b.path.value: b for b in ordered if b.path.kind is PathKind.PREFIX}
        self._longest = max(map(len, by_prefix), default=0)
        self._prefixes: Mapping[str, Chain] = {
            prefix: tuple(by_prefix[key] for key in _ancestors(prefix) if key in by_prefix) for prefix in by_prefix
        }
        self._exact: Mapping[str, Chain] = {b.path.value: (b,) for b in ordered if b.path.kind is PathKind.EXACT}

    def chain(self, path: str) -> Chain:
        """The buckets whose path match fits ``path``, in precedence order."""
        chain: Chain = self._exact.get(path, ())
        if self._regexes:
            chain += tuple(bucket for bucket in self._regexes if bucket.path.fits(path))
        return chain + self._prefix_chain(path)

    def _prefix_chain(self, path: str) -> Chain:
        prefixes = self._prefixes
        if not prefixes:
            return ()
        longest = self._longest
        if len(path) > longest:
            end = path.rfind("/", 0, longest + 1)
            if end < 0:
                return ()
            path = path[:end]
        for prefix in _ancestors(path):
            chain = prefixes.get(prefix)
            if chain is not None:
                return chain
        return ()


def _ancestors(path: str) -> Iterator[str]:
    """``/a/b`` -> ``/a/b``, ``/a``, ````."""
    yield path
    end = path.rfind("/")
    while end >= 0:
        path = path[:end]
        yield path
        end = path.rfind("/")
