"""Metric families and the Prometheus text format (0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from modelyard.sim.measurements import Histogram

Labels = Mapping[str, object]


class Sample(NamedTuple):
    suffix: str
    """After the family's name: empty, ``_total``, ``_bucket``…"""
    labels: Labels
    value: float


class Family(NamedTuple):
    name: str
    """Without ``_total``."""
    kind: str
    help: str
    samples: list[Sample]


def gauge(name: str, help: str, labels: Labels, value: float) -> Family:
    return Family(name, "gauge", help, [Sample("", labels, value)])


def gauges(name: str, help: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, "gauge", help, [Sample("", labels, value) for labels, value in samples])


def counter(name: str, help: str, labels: Labels, value: float) -> Family:
    return Family(name, "counter", help, [Sample("_total", labels, value)])


def counters(name: str, help: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, "counter", help, [Sample("_total", labels, value) for labels, value in samples])


def histogram(name: str, help: str, labels: Labels, values: Histogram) -> Family:
    bounds = [*map(str, values.bounds), "+Inf"]
    cumulated = list(accumulate(values.counts))
    samples = [
        Sample("_bucket", {**labels, "le": bound}, count) for bound, count in zip(bounds, cumulated, strict=True)
    ]
    samples.append(Sample("_count", labels, cumulated[-1]))
    samples.append(Sample("_sum", labels, values.total))
    return Family(name, "histogram", help, samples)


def render(families: Iterable[Family]) -> bytes:
    """The families as a text page."""
    lines: list[str] = []
    for family in families:
        total = "_total" if family.kind == "counter" and all(s.suffix == "_total" for s in family.samples) else ""
        lines.append(f"# HELP {family.name}{total} {family.help}")
        lines.append(f"# TYPE {family.name}{total} {family.kind}")
        for sample in family.samples:
            lines.append(f"{family.name}{sample.suffix}{_labels(tuple(sample.labels.items()))} {float(sample.value)!r}")
    lines.append("")
    return "\n".join(lines).encode()


@lru_cache(maxsize=4096)
def _labels(labels: tuple[tuple[str, object], ...]) -> str:
    """Cached: a page has hundreds of series, and their labels hardly ever change."""
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(str(value))}"' for name, value in sorted(labels))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
