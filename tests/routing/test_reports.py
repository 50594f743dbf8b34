from __future__ import annotations

from modelyard.resources.inference import InferencePool, InferencePoolSpec, PoolSelector, TargetPort
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.references import ParentReference
from modelyard.routing.attachment import Attachment
from modelyard.routing.conditions import Fault
from modelyard.routing.reports import pool_report, route_parent
from modelyard.routing.route_rules import RouteRules


def pool(api_version: str) -> InferencePool:
    return InferencePool(
        api_version=api_version,
        kind="InferencePool",
        metadata=ObjectMeta(name="p"),
        spec=InferencePoolSpec(selector=PoolSelector(match_labels={}), target_ports=(TargetPort(number=1),)),
    )


def test_the_old_pool_has_its_own_field() -> None:
    assert pool_report(pool("inference.networking.k8s.io/v1"), {}).field == "parents"
    assert pool_report(pool("inference.networking.x-k8s.io/v1alpha2"), {}).field == "parent"


def test_a_pools_parents() -> None:
    parents = {("infra", "b"): ("c", False), ("infra", "a"): ("c", True)}
    report = pool_report(pool("inference.networking.k8s.io/v1"), parents)
    assert [
        (parent.parent.name, parent.conditions[0].status, parent.conditions[0].reason) for parent in report.parents
    ] == [("a", "True", "Accepted"), ("b", "False", "HTTPRouteNotAccepted")]
    assert "Modelyard picks" in report.parents[0].conditions[1].message


def test_partly_invalid_is_said_of_accepted_routes_only() -> None:
    rules = RouteRules(dropped={1: Fault("UnsupportedValue", "bad")}, total=2)
    parent = ParentReference(name="edge")
    accepted = route_parent(parent, "c", Attachment(), rules)
    refused = route_parent(parent, "c", Attachment(fault=Fault("NoMatchingParent", "none")), rules)
    assert [(item.type, item.status) for item in accepted.conditions] == [
        ("Accepted", "True"),
        ("ResolvedRefs", "True"),
        ("PartiallyInvalid", "True"),
    ]
    assert accepted.conditions[2].message == "Dropped Rule(s) 1: bad"
    assert [(item.type, item.status) for item in refused.conditions] == [
        ("Accepted", "False"),
        ("ResolvedRefs", "True"),
    ]
