from __future__ import annotations

from typing import Any

from modelyard.resources.references import ParentReference
from modelyard.routing.conditions import Fault, accepted_unless, programmed_unless, resolved_unless
from modelyard.routing.statuses import (
    FEATURES,
    Binding,
    ChildReport,
    ClassReport,
    GatewayReport,
    ListenerReport,
    ParentReport,
    Statuses,
)

NOW = "2026-01-01T00:00:00Z"
GOOD = (accepted_unless(None), programmed_unless(None), resolved_unless(None))
STATUSES = Statuses(
    {
        ("Gateway", "infra", "edge"): GatewayReport(
            2, GOOD[:2], (ListenerReport("a", True, 3, GOOD), ListenerReport("b", False, 0, GOOD))
        ),
        ("HTTPRoute", "infra", "r"): ChildReport(
            1, [ParentReport(ParentReference(name="edge", section_name="a", port=80), "x.test/c", GOOD[:1])]
        ),
        ("InferencePool", "infra", "p"): ChildReport(0, (), field="parent"),
        ("GatewayClass", "", "c"): ClassReport(5, GOOD[:1]),
    }
)


def gateway(binding: Binding) -> dict[str, Any]:
    status = STATUSES.status_of("Gateway", "infra", "edge", now=NOW, binding=binding)
    assert status is not None
    return status


def condition(part: dict[str, Any], kind: str) -> tuple[str, str]:
    return next((item["status"], item["reason"]) for item in part["conditions"] if item["type"] == kind)


def test_a_bound_gateway() -> None:
    status = gateway(Binding(addresses=("127.0.0.1",)))
    assert status["addresses"] == [{"type": "IPAddress", "value": "127.0.0.1"}]
    assert condition(status, "Programmed") == ("True", "Programmed")
    assert status["conditions"][0]["observedGeneration"] == 2
    first, second = status["listeners"]
    assert (first["name"], first["attachedRoutes"]) == ("a", 3)
    assert first["supportedKinds"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]
    assert second["supportedKinds"] == []


def test_a_gateway_that_could_not_be_bound() -> None:
    status = gateway(Binding(fault=Fault("AddressNotUsable", "no such address")))
    assert condition(status, "Programmed") == ("False", "AddressNotUsable")
    assert condition(status, "Accepted") == ("True", "Accepted")


def test_a_listener_whose_port_is_taken() -> None:
    status = gateway(Binding(listener_faults={"a": Fault("PortUnavailable", "in use")}))
    assert condition(status["listeners"][0], "Programmed") == ("False", "PortUnavailable")
    assert condition(status["listeners"][0], "Accepted") == ("False", "PortUnavailable")
    assert condition(status["listeners"][1], "Programmed") == ("True", "Programmed")
    assert condition(status, "Programmed") == ("True", "Programmed")


def test_no_listener_left() -> None:
    fault = Fault("InvalidCertificateRef", "key does not fit")
    status = gateway(Binding(listener_faults={"a": fault, "b": fault}))
    assert condition(status["listeners"][0], "ResolvedRefs") == ("False", "InvalidCertificateRef")
    assert condition(status, "Programmed") == ("False", "Invalid")


def test_children_and_classes() -> None:
    route = STATUSES.status_of("HTTPRoute", "infra", "r", now=NOW)
    assert route is not None
    assert route["parents"][0]["parentRef"] == {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": "edge",
        "sectionName": "a",
        "port": 80,
    }
    assert route["parents"][0]["controllerName"] == "x.test/c"
    assert STATUSES.status_of("InferencePool", "infra", "p", now=NOW) == {"parent": []}
    of_class = STATUSES.status_of("GatewayClass", "", "c", now=NOW)
    assert of_class is not None
    assert [feature["name"] for feature in of_class["supportedFeatures"]] == sorted(FEATURES)
    assert STATUSES.status_of("Service", "infra", "x", now=NOW) is None
