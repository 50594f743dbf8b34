from __future__ import annotations

from modelyard.local.rollout_progress import RolloutProgress
from modelyard.local.rollout_status import Condition, Counts

HALF = Counts(desired=2, total=2, updated=1, ready=2, available=2, updated_available=0)
MORE = Counts(desired=2, total=2, updated=1, ready=2, available=2, updated_available=1)
DONE = Counts(desired=2, total=2, updated=2, ready=2, available=2, updated_available=2)


def judged(progress: RolloutProgress, counts: Counts, now: float, *, waits: bool = False) -> bool:
    return progress.judge(counts, now, 10.0, waits=waits, worst=lambda: " (m-1: the engine loads)")


def test_no_progress_for_so_long_is_a_failure_and_progress_ends_it() -> None:
    progress = RolloutProgress(0.0)
    assert not judged(progress, HALF, 1.0)
    assert progress.due(10.0) == 11.0
    assert not judged(progress, HALF, 10.9)
    assert judged(progress, HALF, 11.0)
    assert progress.late.startswith("no progress within 10 s: ")
    assert progress.late.endswith(" (m-1: the engine loads)")
    assert not judged(progress, HALF, 12.0)
    assert judged(progress, MORE, 13.0)
    assert (progress.late, progress.due(10.0)) == ("", 23.0)


def test_waiting_takes_no_time_and_what_is_done_is_not_late() -> None:
    progress = RolloutProgress(0.0)
    judged(progress, HALF, 0.0)
    judged(progress, HALF, 50.0, waits=True)
    assert not judged(progress, HALF, 59.0)
    assert judged(progress, HALF, 60.0)
    assert judged(progress, DONE, 61.0)
    assert not judged(progress, DONE, 600.0)


def test_a_new_goal_has_its_own_time() -> None:
    progress = RolloutProgress(0.0)
    judged(progress, HALF, 0.0)
    assert judged(progress, HALF, 10.0)
    progress.begin(10.0)
    assert progress.late == ""
    assert not judged(progress, HALF, 19.0)


def test_a_condition_keeps_the_time_of_its_last_transition() -> None:
    progress = RolloutProgress(0.0)
    good = Condition(type="Available", status="True", reason="r", message="m")
    bad = Condition(type="Available", status="False", reason="r", message="m")
    found = [progress.timed(one, at).last_transition_time for one, at in ((good, 1.0), (good, 2.0), (bad, 3.0))]
    assert found == [1.0, 1.0, 3.0]
