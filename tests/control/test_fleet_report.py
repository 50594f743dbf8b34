from __future__ import annotations

from modelyard.control.fleet_report import fleet_gauges, fleet_report
from modelyard.fleet.endpoints import Endpoint, EndpointState, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.telemetry import catalogue

POOL = BackendKey(kind="InferencePool", namespace="default", name="p")
FLEET = Fleet(
    backends={
        POOL: BackendFleet(
            key=POOL,
            endpoints=(
                EndpointState(
                    endpoint=Endpoint(address="a:1"),
                    models=(ServedModel(id="base"), ServedModel(id="sql@1a2b3c4d", parent="base")),
                    adapter_names={"sql": "sql@1a2b3c4d"},
                    expected=frozenset({"food"}),
                ),
                EndpointState(endpoint=Endpoint(address="b:1"), ready=False, expected=frozenset({"food", "sql"})),
            ),
        )
    }
)
WAITING = {str(POOL): {"food": 3}}


def test_it_says_what_requests_wait_for_and_where_it_will_be() -> None:
    [backend] = fleet_report(FLEET, {}, 1.0, WAITING)["backends"]
    assert backend["loading"] == [{"adapter": "food", "endpoints": ["a:1", "b:1"], "waitingRequests": 3}]
    assert backend["endpoints"][0]["adapterNames"] == {"sql": "sql@1a2b3c4d"}
    assert backend["endpoints"][1]["expectedAdapters"] == ["food", "sql"]


def test_waiting_requests_are_a_gauge() -> None:
    gauges = fleet_gauges(FLEET, {}, 1.0, WAITING)
    assert gauges[catalogue.ADAPTER_WAITING] == [((str(POOL), "food"), 3)]
    assert fleet_gauges(FLEET, {}, 1.0)[catalogue.ADAPTER_WAITING] == []
