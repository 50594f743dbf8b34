"""Rules that share host and path, in precedence order, found without a scan.

Ten thousand routes that differ in one header's value (``x-gateway-model-name`` above all) are one dictionary
lookup: a ``Branch`` splits the entries by the header with the most distinct exact values; entries without a
condition on it go on to ``others``. Entries keep their position, so the best of both sides wins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from modelyard.routing.matching import Conditions
from modelyard.routing.rules import CompiledRule

Entry = tuple[int, Conditions, CompiledRule]
"""Position in precedence order, conditions, rule."""

_SCAN_AT_MOST = 4
"""Fewer entries than a branch would save are scanned in order."""

LAST = 1 << 60
"""Greater than every position."""


class Scan:
    """A few entries, tried in order."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(entries)

    def first(self, before: int, method: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Entry | None:
        """The first entry that fits, if its position is smaller than ``before``."""
        for entry in self._entries:
            if entry[0] >= before:
                return None
            if entry[1].hold(method, headers, query):
                return entry
        return None


class Branch:
    """Entries split by the exact value of one header."""

    __slots__ = ("_by_value", "_header", "_others")

    def __init__(self, header: str, by_value: Mapping[str, Index], others: Index) -> None:
        self._header = header
        self._by_value = by_value
        self._others = others

    def first(self, before: int, method: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Entry | None:
        """The first entry that fits, if its position is smaller than ``before``."""
        named = self._by_value.get(headers.get(self._header, ""))
        found = None if named is None else named.first(before, method, headers, query)
        if found is not None:
            before = found[0]
        return self._others.first(before, method, headers, query) or found


Index = Scan | Branch


def index(entries: Sequence[Entry], used: frozenset[str] = frozenset()) -> Index:
    """Index entries that stand in precedence order; ``used`` names headers that already split them."""
    header = None if len(entries) <= _SCAN_AT_MOST else _most_telling(entries, used)
    if header is None:
        return Scan(entries)
    by_value: defaultdict[str, list[Entry]] = defaultdict(list)
    others: list[Entry] = []
    for entry in entries:
        value = dict(entry[1].headers).get(header)
        (others if value is None else by_value[value]).append(entry)
    used = used | {header}
    return Branch(header, {value: index(part, used) for value, part in by_value.items()}, index(others, used))


def _most_telling(entries: Sequence[Entry], used: frozenset[str]) -> str | None:
    """The header with the most distinct exact values; None where no header tells at least two apart."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for _, conditions, _ in entries:
        for name, value in conditions.headers:
            values[name].add(value)
    telling = [(len(found), name) for name, found in values.items() if name not in used and len(found) > 1]
    return max(telling)[1] if telling else None
