"""What engine files share: counts, shares and signs out of samples that may be anything."""

from __future__ import annotations

import math

import pytest

from modelyard.fleet.engine import Probe, Sign, count, label_count, share
from modelyard.fleet.prometheus_text import Series


@pytest.mark.parametrize(
    ("value", "expected"), [(None, 0), (3.9, 3), (0.0, 0), (-1.0, 0), (1e9, 0), (1e300, 0), (math.nan, 0)]
)
def test_count(value: float | None, expected: int) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(None, 0.0), (0.5, 0.5), (1.0001, 1.0), (57.0, 1.0), (-0.1, 0.0)])
def test_share(value: float | None, expected: float) -> None:
    assert share(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("16", 16), ("None", 0), ("-1", 0), ("", 0), ("9" * 50, 0), ("٣", 0), ("1.0", 0)]
)
def test_label_count(text: str, expected: int) -> None:
    assert label_count(Series(f'n="{text}"'.encode(), 1.0), "n") == expected
    assert label_count(None, "n") == 0


def test_a_sign_holds_or_is_the_body() -> None:
    probe = Probe(path="/x")
    assert Sign(probe=probe, contains=b"ab").seen_in(b"xaby")
    assert not Sign(probe=probe, contains=b"ab", whole=True).seen_in(b"xaby")
    assert Sign(probe=probe, contains=b"ab", whole=True).seen_in(b"\nab \n")
