"""The conditions of one HTTPRoute match besides host and path, all of which must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from modelyard.routing.patterns import Pattern


@dataclass(slots=True, frozen=True)
class Conditions:
    """Header, query and method conditions. Header names are lower case; query names are not."""

    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    header_patterns: tuple[tuple[str, Pattern], ...] = ()
    queries: tuple[tuple[str, str], ...] = ()
    query_patterns: tuple[tuple[str, Pattern], ...] = ()

    def hold(self, method: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a request fits; ``query`` as ``parse_query`` gives it."""
        if self.method is not None and self.method != method:
            return False
        for name, value in self.headers:
            if headers.get(name) != value:
                return False
        for name, value in self.queries:
            if query.get(name) != value:
                return False
        return self._patterns_hold(headers, query)

    def _patterns_hold(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        for name, pattern in self.header_patterns:
            found = headers.get(name)
            if found is None or not pattern.fits(found):
                return False
        for name, pattern in self.query_patterns:
            found = query.get(name)
            if found is None or not pattern.fits(found):
                return False
        return True

    @property
    def reads_headers(self) -> frozenset[str]:
        """Lower-case names of the headers that decide."""
        return frozenset(name for name, _ in (*self.headers, *self.header_patterns))

    @property
    def reads_query(self) -> bool:
        return bool(self.queries or self.query_patterns)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Precedence among matches with one path, smaller first: method, most headers, most query names."""
        return (
            0 if self.method is not None else 1,
            -len(self.headers) - len(self.header_patterns),
            -len(self.queries) - len(self.query_patterns),
        )


UNCONDITIONAL = Conditions()
NO_QUERY: Mapping[str, str] = {}


def parse_query(query: str) -> Mapping[str, str]:
    """Decoded query parameters; of a repeated name the first value counts, as recommended."""
    if not query:
        return NO_QUERY
    found: dict[str, str] = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        found.setdefault(unquote_plus(name), unquote_plus(value))
    return found
