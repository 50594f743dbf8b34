"""A selective reader of the Prometheus text format: finds the few series that are wanted and nothing else.

A model server's page is 60 to 100 KB and is read several times a second from every endpoint, so it is not
parsed: the wanted names are searched in the bytes, and only their lines are looked at. Values that cannot
be a measurement (NaN, infinities, text) are left out, so that a broken or hostile page yields less, never
an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_SERIES = 10_000
"""Series read of one metric: vLLM keeps one per combination of adapters ever seen; more than this is no
such page."""
MAX_LINE = 65_536
"""Bytes of one line; a longer one is skipped."""

_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)', re.DOTALL)
_VALUE = re.compile(rb'((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"n": "\n", "\\": "\\", '"': '"'}
_AFTER_NAME = b"{ \t"


class Series(NamedTuple):
    """One line: the text between the braces, still escaped, and a finite value."""

    label_text: bytes
    value: float

    @property
    def labels(self) -> dict[str, str]:
        """The labels, unescaped. Empty where the text between the braces is not a list of labels."""
        return parse_labels(self.label_text.decode("utf-8", "replace"))

    def label(self, name: str) -> str:
        """One label, without parsing the others; empty where it is missing.

        An unescaped ``="`` cannot be inside a value, so the first match that begins a name is the label.
        """
        text, needle = self.label_text, name.encode() + b'="'
        at = text.find(needle)
        while at > 0 and text[at - 1] not in b", \t":
            at = text.find(needle, at + 1)
        found = _VALUE.match(text, at + len(needle)) if at >= 0 else None
        return _unescaped(found[1].decode("utf-8", "replace")) if found is not None else ""


class MetricsPage:
    """A complete page, searched by name on demand: what nobody asks for costs nothing."""

    __slots__ = ("_text",)

    def __init__(self, body: bytes) -> None:
        self._text = b"\n" + body

    def series(self, name: str) -> list[Series]:
        """Every readable series of exactly this metric, in page order; empty where the page has none."""
        return list(_series(self._text, name.encode()))

    def total(self, name: str, **labels: str) -> float | None:
        """Sum of the non-negative values of the series that carry ``labels``; None where there is none."""
        values = self._values(name, labels)
        return sum(values) if values else None

    def mean(self, name: str, **labels: str) -> float | None:
        """Mean of the non-negative values of the series that carry ``labels``; None where there is none."""
        values = self._values(name, labels)
        return sum(values) / len(values) if values else None

    def newest(self, name: str) -> Series | None:
        """The series with the greatest value: the current one of an ``_info`` metric valued by time."""
        return max(self.series(name), key=lambda series: series.value, default=None)

    def _values(self, name: str, labels: dict[str, str]) -> list[float]:
        found = _series(self._text, name.encode())
        wanted = labels.items()
        return [s.value for s in found if s.value >= 0 and all(s.label(n) == v for n, v in wanted)]


def parse_labels(text: str) -> dict[str, str]:
    """Parse the text between the braces of a series (``a="x",b="y"``); empty where it is malformed."""
    labels: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            return labels if not text[at:].strip() else {}
        labels[match[1]] = _unescaped(match[2])
        at = match.end()
    return labels


def _unescaped(value: str) -> str:
    return _ESCAPE.sub(_unescape, value) if "\\" in value else value


def _unescape(match: re.Match[str]) -> str:
    return _UNESCAPED.get(match[1], match[0])


def _series(text: bytes, name: bytes) -> Iterator[Series]:
    needle = b"\n" + name
    at = text.find(needle)
    found = 0
    while at >= 0 and found < MAX_SERIES:
        after = at + len(needle)
        end = text.find(b"\n", after)
        if end < 0:
            end = len(text)
        if text[after : after + 1] in _AFTER_NAME and after < end <= after + MAX_LINE:
            series = _read(text[after:end])
            if series is not None:
                yield series
        found += 1
        at = text.find(needle, end)


def _read(rest: bytes) -> Series | None:
    """Read a line without its name: ``{labels} value [timestamp]``."""
    rest = rest.strip()
    labels = b""
    if rest.startswith(b"{"):
        close = rest.rfind(b"}")
        if close < 0:
            return None
        labels, rest = rest[1:close], rest[close + 1 :]
    value = _finite(rest.split(None, 1)[0] if rest.strip() else b"")
    return None if value is None else Series(labels, value)


def _finite(text: bytes) -> float | None:
    if b"_" in text:  # float() takes 1_000, the format does not
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
