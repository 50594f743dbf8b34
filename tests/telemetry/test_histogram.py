from __future__ import annotations

from modelyard.telemetry.histogram import Histogram

BOUNDS = (1.0, 2.0)


def test_a_bound_belongs_to_its_bucket() -> None:
    counted = Histogram.over(BOUNDS)
    for value in (0.0, 1.0, 1.5, 2.0, 7.0):
        counted.observe(value, BOUNDS)
    assert (counted.buckets, counted.total) == ([2, 2, 1], 11.5)


def test_sums() -> None:
    one, other = Histogram.over(BOUNDS), Histogram.over(BOUNDS)
    one.observe(1.5, BOUNDS, 3)
    other.observe(9, BOUNDS)
    one.add(other)
    assert (one.buckets, one.total) == ([0, 3, 1], 13.5)
