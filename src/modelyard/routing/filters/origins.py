"""Which origins a CORS filter allows."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DEFAULT_PORT = {"http": "80", "https": "443"}
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.*_-]+)(?::(?P<port>[0-9]{1,5}))?")


class OriginSet:
    """Origins by scheme, host and port; ``*`` in a host stands for any characters, dots too."""

    __slots__ = ("_any", "_exact", "_wildcards", "patterns")

    def __init__(self, origins: Iterable[str]) -> None:
        self.patterns = tuple(origins)
        self._any = "*" in self.patterns
        parsed = [triple for triple in map(_parse, self.patterns) if triple is not None]
        self._exact = frozenset(triple for triple in parsed if "*" not in triple[1])
        self._wildcards = tuple((scheme, host.split("*"), port) for scheme, host, port in parsed if "*" in host)

    def allows(self, origin: str) -> bool:
        """Whether an ``Origin`` header's value is allowed; a missing port means the scheme's own."""
        if self._any:
            return True
        asked = _parse(origin.lower())
        if asked is None or "*" in asked[1]:
            return False
        if asked in self._exact:
            return True
        scheme, host, port = asked
        return any(
            scheme == wanted and port == wanted_port and _fits(pieces, host)
            for wanted, pieces, wanted_port in self._wildcards
        )


def _parse(origin: str) -> tuple[str, str, str] | None:
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None:
        return None
    scheme, host, port = found["scheme"], found["host"], found["port"]
    return scheme, host, port or _DEFAULT_PORT[scheme]


def _fits(pieces: list[str], host: str) -> bool:
    """Whether ``host`` is the pieces in order with at least one character for every ``*`` between them."""
    first, *middle, last = pieces
    if not host.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        at = host.find(piece, at + 1)
        if at < 0:
            return False
        at += len(piece)
    return host.endswith(last) and len(host) - len(last) > at
