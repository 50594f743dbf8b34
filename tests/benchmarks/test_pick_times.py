"""The picker's histogram, read from its metrics page."""

import pytest
from benchmarks.pick_times import Histogram, bound_of, histogram, pick_times

from modelyard.telemetry.catalogue import EXTENSION_PICK

INF = float("inf")


def page(*counts: int, total: float) -> str:
    bounds = ("0.0001", "0.0005", "0.001", "0.01", "+Inf")
    lines = [f"# TYPE {EXTENSION_PICK.name} histogram"]
    lines += [
        f'{EXTENSION_PICK.name}_bucket{{le="{bound}"}} {count}' for bound, count in zip(bounds, counts, strict=True)
    ]
    return "\n".join([*lines, f"{EXTENSION_PICK.name}_sum {total}", f"{EXTENSION_PICK.name}_count {counts[-1]}", ""])


def test_page_is_read() -> None:
    found = histogram(page(1, 2, 3, 4, 5, total=0.25))
    assert found == Histogram(counts={0.0001: 1, 0.0005: 2, 0.001: 3, 0.01: 4, INF: 5}, total=0.25)


def test_page_without_picks_is_empty() -> None:
    assert histogram("modelyard_info 1\n") == Histogram(counts={}, total=0.0)


def test_only_what_was_added_counts() -> None:
    before, after = page(5, 5, 5, 5, 10, total=1.0), page(5, 95, 99, 104, 110, total=1.01)
    times = pick_times(histogram(after).since(histogram(before)))
    assert times.picks == 100
    assert times.mean_us == pytest.approx(100)
    assert times.p99_ms == 10
    assert times.within_target == pytest.approx(0.94)


def test_from_an_empty_page_everything_was_added() -> None:
    times = pick_times(histogram(page(0, 99, 100, 100, 100, total=0.02)).since(histogram("")))
    assert (times.picks, times.p99_ms, times.within_target) == (100, 0.5, 1.0)


def test_no_pick_at_all_is_said() -> None:
    with pytest.raises(ValueError, match="no pick"):
        pick_times(histogram(""))


@pytest.mark.parametrize(("share", "bound"), [(0.5, 0.1), (0.51, 0.2), (0.9, 0.2), (0.91, INF), (1.0, INF)])
def test_bound_of_a_share(share: float, bound: float) -> None:
    assert bound_of({0.1: 50, 0.2: 90, INF: 100}, share) == bound
