from __future__ import annotations

from modelyard.flow.pace import INTERVAL, MAX_BURST, Pace


def test_it_doubles_while_there_is_room_and_begins_anew_when_full() -> None:
    pace, now, seen = Pace(), 0.0, []
    for _ in range(4):
        seen.append(pace.allowance(now, full=False))
        pace.spend(seen[-1])
        now += INTERVAL
    assert seen == [1, 2, 4, 8]
    assert pace.allowance(now, full=True) == 0
    assert pace.allowance(now, full=False) == 1


def test_asking_again_within_an_interval_gives_nothing_more() -> None:
    pace = Pace()
    pace.spend(pace.allowance(0.0, full=False))
    assert pace.allowance(INTERVAL / 2, full=False) == 0


def test_a_completed_request_makes_room_for_one() -> None:
    pace = Pace()
    pace.spend(pace.allowance(0.0, full=False))
    pace.completed()
    assert pace.allowance(0.01, full=False) == 1


def test_what_is_saved_up_is_bounded() -> None:
    pace = Pace()
    for _ in range(10 * MAX_BURST):
        pace.completed()
    assert pace.allowance(0.0, full=False) == MAX_BURST
