from __future__ import annotations

from modelyard.local.rollout_status import Counts, available_condition, progressing_condition, waiting_for


def counts(**other: int) -> Counts:
    full = {"desired": 3, "total": 3, "updated": 3, "ready": 3, "available": 3, "updated_available": 3}
    return Counts(**{**full, **other})


def test_enough_or_not() -> None:
    assert available_condition(counts(available=2), 2).reason == "MinimumReplicasAvailable"
    lacking = available_condition(counts(available=1), 2)
    assert (lacking.status, lacking.reason) == ("False", "MinimumReplicasUnavailable")
    assert "1 of 3" in lacking.message


def test_progress_in_kubernetes_words() -> None:
    def reason(one: Counts, *, paused: bool = False, late: str = "") -> tuple[str, str]:
        condition = progressing_condition(one, paused=paused, late=late)
        return condition.status, condition.reason

    assert reason(counts()) == ("True", "NewReplicaSetAvailable")
    assert reason(counts(updated=1)) == ("True", "ReplicaSetUpdated")
    assert reason(counts(leaving=1)) == ("True", "ReplicaSetUpdated")
    assert reason(counts(updated=1), late="no progress") == ("False", "ProgressDeadlineExceeded")
    assert reason(counts(), late="no progress") == ("True", "NewReplicaSetAvailable")
    assert reason(counts(), paused=True) == ("Unknown", "DeploymentPaused")


def test_what_is_waited_for() -> None:
    assert waiting_for(counts(updated=1)) == "1 of 3 replicas are updated"
    assert waiting_for(counts(total=4, leaving=1)) == "2 old replicas still have to stop"
    assert waiting_for(counts(updated_available=2)) == "2 of 3 updated replicas are available"
