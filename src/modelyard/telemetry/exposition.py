"""Metrics as text: Prometheus exposition format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.request_metrics import DURATION_BUCKETS, RequestRow

Sample = tuple[Sequence[str], float]
"""Label values in the metric's order, and the value."""


class Distribution(NamedTuple):
    """One histogram."""

    labels: Sequence[str]
    """Values in the metric's order."""
    bounds: Sequence[float]
    """Upper bounds; ``+Inf`` is implied."""
    buckets: Sequence[int]
    """Not cumulative."""
    total: float


class Alias(NamedTuple):
    """Another name of a metric, with the same samples."""

    metric: Metric
    values: tuple[str, ...] = ()
    """Of labels that it has beside the metric's."""


Families = Mapping[Metric, Iterable[Sample | Distribution]]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def render(
    families: Families, requests: Iterable[RequestRow], also: Mapping[Metric, Sequence[Alias]] | None = None
) -> str:
    """The whole page: ``families`` by metric, and request rows as theirs. ``also``: further names of ``families``."""
    lines: list[str] = []
    rows = list(requests)
    for metric, read in _REQUEST_COUNTERS.items():
        _family(lines, metric, [(_request_labels(row), getattr(row, read)) for row in rows])
    _histogram(lines, catalogue.DURATION, rows, "duration_buckets", "duration_sum", "count")
    _histogram(lines, catalogue.FIRST_BYTE, rows, "first_byte_buckets", "first_byte_sum", "first_byte_count")
    for metric, samples in families.items():
        known = list(samples)
        _header(lines, metric)
        begin = len(lines)
        _samples(lines, metric, known)
        block = "\n".join(lines[begin:])
        for alias in also.get(metric, ()) if also else ():
            _header(lines, alias.metric)
            if alias.metric.labels != metric.labels:
                _samples(lines, alias.metric, known, alias.values)
            elif block:
                lines.append(f"\n{block}".replace(f"\n{metric.name}", f"\n{alias.metric.name}")[1:])
    lines.append("")
    return "\n".join(lines)


_REQUEST_COUNTERS = {
    catalogue.REQUESTS: "count",
    catalogue.QUEUED: "queued_sum",
    catalogue.ADAPTER_WAITS: "load_waits",
    catalogue.ADAPTER_WAIT_SECONDS: "load_wait_sum",
    catalogue.RETRIES: "retries",
    catalogue.REQUEST_BYTES: "request_bytes",
    catalogue.RESPONSE_BYTES: "response_bytes",
    catalogue.INPUT_TOKENS: "input_tokens",
    catalogue.OUTPUT_TOKENS: "output_tokens",
    catalogue.CACHED_TOKENS: "cached_tokens",
}


def _request_labels(row: RequestRow) -> tuple[str, ...]:
    return (row.route, row.backend, row.model, str(row.status), row.reason)


def _family(lines: list[str], metric: Metric, samples: Iterable[Sample]) -> None:
    _header(lines, metric)
    _samples(lines, metric, samples)


def _samples(
    lines: list[str], metric: Metric, samples: Iterable[Sample | Distribution], added: tuple[str, ...] = ()
) -> None:
    """``added``: label values beside those of the samples."""
    for sample in samples:
        if isinstance(sample, Distribution):
            labels = (*sample.labels, *added)
            _series(lines, metric, labels, sample.bounds, sample.buckets, sample.total)
        else:
            values, number = sample
            lines.append(f"{metric.name}{_labels(metric.labels, (*values, *added))} {_number(number)}")


def _histogram(
    lines: list[str], metric: Metric, rows: Iterable[RequestRow], buckets: str, total: str, count: str
) -> None:
    _header(lines, metric)
    for row in rows:
        counts, summed = getattr(row, buckets), getattr(row, total)
        _series(lines, metric, _request_labels(row), DURATION_BUCKETS, counts, summed, getattr(row, count))


def _series(
    lines: list[str],
    metric: Metric,
    values: Sequence[str],
    bounds: Sequence[float],
    buckets: Sequence[int],
    total: float,
    count: int | None = None,
) -> None:
    """One histogram. ``buckets``: not cumulative; ``count`` None: their sum."""
    labels = _labels(metric.labels, values)
    head = f'{metric.name}_bucket{labels[:-1]},le="' if labels else f'{metric.name}_bucket{{le="'
    lines += [
        f'{head}{bound}"}} {number}'
        for bound, number in zip(_bound_texts(tuple(bounds)), accumulate(buckets), strict=True)
    ]
    lines.append(f"{metric.name}_sum{labels} {_number(total)}")
    lines.append(f"{metric.name}_count{labels} {sum(buckets) if count is None else count}")


@lru_cache(maxsize=64)
def _bound_texts(bounds: tuple[float, ...]) -> tuple[str, ...]:
    return (*map(_number, bounds), "+Inf")


def _header(lines: list[str], metric: Metric) -> None:
    lines.append(f"# HELP {metric.name} {metric.help}")
    lines.append(f"# TYPE {metric.name} {metric.kind}")


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
