from __future__ import annotations

import pytest

from modelyard.resources.durations import parse_duration, parse_go_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("10s", 10), ("1h30m", 5400), ("500ms", 0.5), ("1m1s1ms", 61.001), ("99999h", 359996400)],
)
def test_gateway_durations(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "-1s", "1.5s", "1d", "100000s", "1s ", "1h1m1s1ms1s", "١s"])
def test_what_is_no_gateway_duration(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("60s", 60), ("1.5h", 5400), (".5s", 0.5), ("2s500ms", 2.5), ("10us", 1e-5)]
)
def test_go_durations(text, seconds):
    assert parse_go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "-1s", "1x", "s"])
def test_what_is_no_go_duration(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_go_duration(text)
