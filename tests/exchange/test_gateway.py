from __future__ import annotations

import random

from modelyard.exchange.gateway import Gateway
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Snapshot, build_snapshot

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
SERVICE = """
---
{apiVersion: v1, kind: Service, metadata: {name: NAME}, spec: {ports: [{port: 80}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: NAME}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: NAME, port: 80}]}]}
"""


def snapshot_with(*names: str) -> Snapshot:
    text = GATEWAY + "".join(SERVICE.replace("NAME", name) for name in names)
    resources, errors = ResourceSet.of(load_documents(text, "test.yaml").objects)
    assert not errors
    return build_snapshot(resources, generation=1)


def key(name: str) -> BackendKey:
    return BackendKey(kind="Service", namespace="default", name=name, port=80)


def fleet_with(*names: str) -> Fleet:
    state = EndpointState(endpoint=Endpoint(address="10.0.0.1:80"))
    return Fleet(
        backends={key(name): BackendFleet(key=key(name), endpoints=(state,), version=1) for name in names}, version=1
    )


def endpoints(gateway: Gateway, name: str) -> int:
    state = gateway.state_of(key(name))
    assert state is not None
    return len(state.fleet.endpoints)


def test_a_backend_that_goes_keeps_its_endpoints_until_the_snapshot_without_it() -> None:
    gateway = Gateway(snapshot_with("old"), random.Random(1))
    gateway.update_fleet(fleet_with("old"), 1.0)
    gateway.update_fleet(fleet_with("new"), 2.0)
    assert endpoints(gateway, "old") == 1
    gateway.swap(snapshot_with("new"))
    assert gateway.state_of(key("old")) is None
    assert endpoints(gateway, "new") == 1


def test_a_snapshot_that_still_names_it_after_that_finds_no_endpoint() -> None:
    gateway = Gateway(snapshot_with("old"), random.Random(1))
    gateway.update_fleet(fleet_with("old"), 1.0)
    gateway.update_fleet(fleet_with(), 2.0)
    gateway.swap(snapshot_with("old"))
    assert endpoints(gateway, "old") == 0
