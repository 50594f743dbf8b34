"""How long a picker takes for a pick, from its own histogram (``inference_extension_scheduler_e2e_duration_seconds``).

The picker's clocks stand around the decision: reading the body, admission, scoring, without gRPC and without Envoy.
They are wall clocks, so whatever takes the core in the midst of a pick counts.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping

import msgspec

from modelyard.telemetry.catalogue import EXTENSION_PICK

_BUCKET = re.compile(rf'^{EXTENSION_PICK.name}_bucket{{.*?le="([^"]+)"}} (\S+)$', re.MULTILINE)
_SUM = re.compile(rf"^{EXTENSION_PICK.name}_sum(?:{{}})? (\S+)$", re.MULTILINE)
TARGET = 0.001
"""Seconds that 99 of 100 picks may take."""


class Histogram(msgspec.Struct, kw_only=True):
    """Counts up to each bound (cumulative), in seconds, and the sum of all."""

    counts: dict[float, float]
    total: float

    def since(self, before: Histogram) -> Histogram:
        """What was added."""
        counts = {bound: count - before.counts.get(bound, 0.0) for bound, count in self.counts.items()}
        return Histogram(counts=counts, total=self.total - before.total)


class PickTimes(msgspec.Struct, kw_only=True):
    """Picks at a steady rate."""

    picks: int
    mean_us: float
    p99_ms: float
    """The bound of the bucket that the 99th of 100 is in: at most so long."""
    within_target: float
    """Share of picks that took 1 ms at most."""


def histogram(page: str) -> Histogram:
    """The picker's histogram out of a metrics page; empty where nothing was picked yet."""
    counts = {float(bound): float(count) for bound, count in _BUCKET.findall(page)}
    found = _SUM.search(page)
    return Histogram(counts=counts, total=float(found[1]) if found else 0.0)


def pick_times(added: Histogram) -> PickTimes:
    """Of all picks in ``added``. Raises ValueError: there are none."""
    picks = added.counts.get(float("inf"), 0.0)
    if not picks:
        raise ValueError("the picker counted no pick")
    return PickTimes(
        picks=round(picks),
        mean_us=1e6 * added.total / picks,
        p99_ms=1e3 * bound_of(added.counts, 0.99),
        within_target=added.counts[TARGET] / picks,
    )


def bound_of(counts: Mapping[float, float], share: float) -> float:
    """The least bound that ``share`` of all do not exceed."""
    wanted = share * counts[float("inf")]
    return next(bound for bound in sorted(counts) if counts[bound] >= wanted)


def read(address: str) -> Histogram:
    """The histogram of the picker whose metrics are at ``host:port``."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        return histogram(answer.read().decode())
