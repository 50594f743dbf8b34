from __future__ import annotations

from modelyard.local.ray.conditions import ClusterView, Condition, conditions, status_object, with_times
from modelyard.local.ray.serve_status import ApplicationDetails, ServeStatus

SERVING = ClusterView(name="hello-1", serving=True, traffic_percent=100)
LOADING = ClusterView(name="hello-2", serving=False, message="a DEPLOYING")


def said(*views: ClusterView | None, **facts: object) -> dict[str, tuple[str, str]]:
    active, pending = views
    found = conditions(active, pending, **{"was_ready": False, **facts})  # type: ignore[arg-type]
    return {one.type: (one.status, one.reason) for one in found}


def test_the_first_cluster():
    assert said(None, LOADING) == {
        "Ready": ("False", "Initializing"),
        "UpgradeInProgress": ("Unknown", "NoActiveCluster"),
    }


def test_a_cluster_that_serves():
    assert said(SERVING, None) == {
        "Ready": ("True", "NonZeroServeEndpoints"),
        "UpgradeInProgress": ("False", "NoPendingCluster"),
    }


def test_a_new_cluster_beside_the_old_one():
    assert said(SERVING, LOADING)["UpgradeInProgress"] == ("True", "BothActivePendingClustersExist")
    assert said(SERVING, LOADING)["Ready"] == ("True", "NonZeroServeEndpoints")


def test_a_cluster_that_stopped_serving():
    down = ClusterView(name="hello-1", serving=False, message="the Ray head ended with signal 9")
    ready, _ = conditions(down, None, was_ready=True)
    assert (ready.reason, ready.message) == ("ZeroServeEndpoints", "the Ray head ended with signal 9")


def test_a_service_that_never_became_ready():
    assert said(None, None, timed_out=True)["Ready"] == ("False", "InitializingTimeout")


def test_why_nothing_can_be_started():
    ready, _ = conditions(None, None, was_ready=False, problem="no Ray was found")
    assert ready.message == "no Ray was found"


def test_a_suspended_service():
    assert said(None, None, suspended=True) == {
        "Suspended": ("True", "SuspendComplete"),
        "Ready": ("False", "SuspendComplete"),
    }


def test_trouble_of_one_application_is_in_the_message():
    broken = ServeStatus(applications={"a": ApplicationDetails(status="UNHEALTHY", message="replica died")})
    view = ClusterView(name="hello-1", serving=True, status=broken)
    ready, _ = conditions(view, None, was_ready=True)
    assert "application a is UNHEALTHY: replica died" in ready.message


def test_the_time_of_a_condition_is_that_of_its_status():
    first = with_times((Condition(type="Ready", status="False", reason="Initializing"),), (), "t1")
    same = with_times((Condition(type="Ready", status="False", reason="InitializingTimeout"),), first, "t2")
    other = with_times((Condition(type="Ready", status="True", reason="NonZeroServeEndpoints"),), same, "t3")
    assert [one.last_transition_time for one in (*first, *same, *other)] == ["t1", "t1", "t3"]


def test_the_status_names_both_clusters():
    status = status_object(SERVING, LOADING, (), 3)
    assert (status["numServeEndpoints"], status["serviceStatus"]) == (1, "Running")
    assert status_object(None, LOADING, (), 3)["serviceStatus"] == ""
    assert status["activeServiceStatus"]["rayClusterName"] == "hello-1"
    assert status["pendingServiceStatus"]["message"] == "a DEPLOYING"
