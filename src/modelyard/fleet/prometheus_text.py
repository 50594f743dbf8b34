"""A selective reader of the Prometheus text format: finds the few series that are wanted and nothing else.

A model server's page is 60 to 100 KB and is read several times a second from every endpoint, so it is not
parsed: the wanted names are searched in the bytes, and only their lines are looked at. Values that cannot
be a measurement (NaN, infinities, text) are left out, so that a broken or hostile page yields less, never
an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from modelyard.fleet.page_layout import PageLayout

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

    __slots__ = ("_layout", "_text")

    def __init__(self, body: bytes, layout: PageLayout | None = None) -> None:
        """``layout``: the memory of this endpoint's pages, worth its while for whole pages."""
        self._text = b"\n" + body
        self._layout = layout
        if layout is not None:
            layout.next_page()

    def series(self, name: str) -> list[Series]:
        """Every readable series of exactly this metric, in page order; empty where the page has none."""
        return list(self._series(name))

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
        found = self._series(name)
        wanted = labels.items()
        return [s.value for s in found if s.value >= 0 and all(s.label(n) == v for n, v in wanted)]

    def _series(self, name: str) -> Iterator[Series]:
        text, needle = self._text, b"\n" + name.encode()
        for at in _lines(text, needle, self._layout):
            after = at + len(needle)
            end = text.find(b"\n", after)
            end = len(text) if end < 0 else end
            if text[after : after + 1] in _AFTER_NAME and after < end <= after + MAX_LINE:
                series = _read(text[after:end])
                if series is not None:
                    yield series


def _lines(text: bytes, needle: bytes, layout: PageLayout | None) -> Iterable[int]:
    """Where lines begin with ``needle``, in page order."""
    first = layout.first(text, needle) if layout is not None else None
    if first is not None:
        return _group(text, needle, first) if first >= 0 else ()
    found = list(islice(_search(text, needle), MAX_SERIES))
    if layout is not None and (not found or found == list(_group(text, needle, found[0]))):
        layout.note(needle, found[0] if found else -1)
    return found


def _search(text: bytes, needle: bytes) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + len(needle))


def _group(text: bytes, needle: bytes, at: int) -> Iterator[int]:
    """Lines that follow each other from ``at`` on."""
    for _ in range(MAX_SERIES):
        yield at
        at = text.find(b"\n", at + 1)
        if at < 0 or not text.startswith(needle, at):
            return


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
