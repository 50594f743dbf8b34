from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.picking.context_ranges import FITS_AT_LEAST, parse_range, range_score


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-2048", (0, 2048)),
        (" 5 - 5 ", (5, 5)),
        ("9-1", None),
        ("", None),
        ("a-b", None),
        ("1-2-3", None),
        ("-1-2", None),
    ],
)
def test_ranges(text: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(text) == expected


def test_without_a_label_the_score_is_neutral_and_a_bad_label_is_the_worst() -> None:
    assert range_score(None, 100) == 0.5
    assert range_score("whatever", 100) == 0.0


def test_tight_ranges_with_room_are_best() -> None:
    assert range_score("0-1000", 900) > range_score("0-100000", 900)
    assert range_score("0-1000", 100) > range_score("0-1000", 1000)


def test_of_ranges_that_do_not_fit_the_nearest_wins() -> None:
    assert range_score("0-1000", 1500) > range_score("0-500", 1500)
    assert range_score("2000-3000", 1500) > range_score("9000-9999", 1500)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_range_that_fits_beats_every_one_that_does_not(low: int, width: int, tokens: int) -> None:
    score = range_score(f"{low}-{low + width}", tokens)
    assert 0.0 <= score <= 1.0
    assert (score >= FITS_AT_LEAST) == (low <= tokens <= low + width)
