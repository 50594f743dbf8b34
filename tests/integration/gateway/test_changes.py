"""Manifests that change while the gateway serves."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gateway_manifests import GATEWAY, route, under
from plain_client import Address, Connection, ask
from running_gateway import until

pytestmark = pytest.mark.integration


class Load:
    """Requests without a pause from several connections, until the block ends; every answer counts."""

    def __init__(self, address: Address, path: str) -> None:
        self.answers: Counter[str] = Counter()
        """By status and backend, or the error."""
        self._address = address
        self._path = path
        self._end = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, connections: int = 3) -> Iterator[Load]:
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: self.count >= 10, 10, "the load runs")
            yield self
            seen = self.count
            until(lambda: self.count >= seen + 20, 10, "the load ran on after the last change")
        finally:
            self._end.set()
            for thread in threads:
                thread.join(10)

    @property
    def count(self) -> int:
        with self._lock:
            return sum(self.answers.values())

    def _send(self) -> None:
        with Connection(self._address) as connection:
            while not self._end.is_set():
                try:
                    answer = connection.send("POST", self._path, body=b"x" * 100)
                    outcome = f"{answer.status} {answer.backend}"
                except (OSError, http.client.HTTPException) as error:
                    outcome = repr(error)
                    connection.close()
                with self._lock:
                    self.answers[outcome] += 1


def test_no_request_is_lost_while_everything_around_it_changes(tenant: Any) -> None:
    services = tenant.service("stays") + tenant.service("comes")
    stays = route("stays", under("/stays", "stays"))
    tenant.apply(GATEWAY + services + stays)
    with Load(tenant.address(), "/stays").running() as load:
        tenant.apply(GATEWAY + services + stays + route("comes", under("/comes", "comes")))
        assert tenant.ask(path="/comes").status == 200
        tenant.apply(GATEWAY + services + stays)
        assert tenant.ask(path="/comes").status == 404
        tenant.apply(GATEWAY + tenant.service("stays", "second", "third") + stays)
        tenant.apply(GATEWAY + services + stays + GATEWAY.replace("name: gw", "name: another"))
        tenant.apply(GATEWAY + services + stays)
    assert {outcome.split()[0] for outcome in load.answers} == {"200"}, load.answers


def test_a_route_moves_to_another_service_without_a_gap(tenant: Any) -> None:
    tenant.apply(GATEWAY + tenant.service("old") + route("r", "old"))
    with Load(tenant.address(), "/").running() as load:
        tenant.apply(GATEWAY + tenant.service("new") + route("r", "new"))
        assert tenant.ask().backend == f"{tenant.namespace}/new"
    allowed = {f"200 {tenant.namespace}/old", f"200 {tenant.namespace}/new"}
    assert load.answers.keys() <= allowed, load.answers


def test_listeners_come_and_go_and_open_connections_stay(tenant: Any) -> None:
    rest = tenant.service("web") + route("r", "web")
    second = GATEWAY.replace("]\n", ", {name: extra, port: 81, protocol: HTTP}]\n")
    tenant.apply(GATEWAY + rest)
    address = tenant.address()
    with Load(address, "/").running() as load:
        tenant.apply(second + rest)
        assert tenant.address(port=81)[0] == address[0]
        assert tenant.ask(port=81).status == 200
        assert tenant.gateway.status("Gateway", tenant.namespace, "gw")["listeners"][1]["attachedRoutes"] == 1
        tenant.apply(GATEWAY + rest)
        until(lambda: _refused((address[0], tenant.gateway.local_port[81])), 5, "port 81 is closed")
        assert len(tenant.gateway.status("Gateway", tenant.namespace, "gw")["listeners"]) == 1
    assert load.answers.keys() == {f"200 {tenant.namespace}/web"}, load.answers


def test_a_gateway_keeps_its_address_when_others_come_and_go(tenant: Any) -> None:
    rest = tenant.service("web") + route("r", "web", parentRefs=[{"name": "b"}, {"name": "c"}])
    gateways = {name: GATEWAY.replace("name: gw", f"name: {name}") for name in "abc"}
    tenant.apply(gateways["a"] + gateways["b"] + rest)
    address = tenant.address("b")
    assert address != tenant.address("a")
    tenant.apply(gateways["b"] + gateways["c"] + rest)
    assert tenant.address("b") == address
    tenant.apply(gateways["c"] + gateways["a"] + gateways["b"] + rest)
    assert tenant.address("b") == address
    assert len({tenant.address(name) for name in "abc"}) == 3
    assert tenant.ask(gateway="b").status == tenant.ask(gateway="c").status == 200
    assert tenant.ask(gateway="a").status == 404


def test_a_broken_change_keeps_what_served_and_says_so_until_it_is_mended(tenant: Any) -> None:
    good = GATEWAY + tenant.service("web") + route("r", under("/good", "web"))
    tenant.apply(good)
    generation = tenant.gateway.get("/readyz")["generation"]
    tenant.write(good.replace("/good", "/newer").replace("parentRefs", "parentReferences"))
    errors = until(lambda: tenant.gateway.get("/api/summary")["errors"], 5, "the error is shown")
    assert "parentReferences" in errors[0]
    assert tenant.file("main") in errors[0]
    assert "parentReferences" in tenant.gateway.log()
    readiness = tenant.gateway.get("/readyz")
    assert (readiness["ready"], readiness["generation"]) == (True, generation)
    assert tenant.ask(path="/good").status == 200
    assert tenant.ask(path="/newer").status == 404
    tenant.apply(good.replace("/good", "/newer"))
    assert tenant.gateway.get("/api/summary")["errors"] == []
    assert tenant.ask(path="/newer").status == 200


def test_generations_count_changes_and_conditions_follow_them(tenant: Any) -> None:
    gateway = (
        "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: '@NS'}, %s}\n---\n" + GATEWAY
    )
    controller = "spec: {controllerName: modelyard.dev/gateway-controller%s}"
    rest = tenant.service("web")
    tenant.apply(gateway % (controller % "") + rest + route("r", "web"))
    before = _generations(tenant)
    assert {observed for _, observed in before.values()} == {1}
    changed = gateway.replace("port: 80,", "port: 80, hostname: '*.test',")
    tenant.apply(changed % (controller % ", description: new") + rest + route("r", under("/x", "web")))
    assert _generations(tenant) == dict.fromkeys(before, (2, 2))
    tenant.apply(
        changed % (controller % ", description: new") + rest + route("r", under("/x", "web"), hostnames=["a.test"])
    )
    after = _generations(tenant)
    assert after.pop("HTTPRoute") == (3, 3)
    assert set(after.values()) == {(2, 2)}


def _generations(tenant: Any) -> dict[str, tuple[int, int]]:
    """Kind -> generation and the one that every condition has observed."""
    found = {}
    for kind, namespace, name in (
        ("GatewayClass", "", tenant.namespace),
        ("Gateway", tenant.namespace, "gw"),
        ("HTTPRoute", tenant.namespace, "r"),
    ):
        item = tenant.gateway.resource(kind, namespace, name)
        status = item["status"]
        holders = [status, *status.get("listeners", ()), *status.get("parents", ())]
        (observed,) = {c["observedGeneration"] for holder in holders for c in holder.get("conditions", ())}
        found[kind] = (item["metadata"]["generation"], observed)
    return found


def test_attached_routes_follow_the_routes(tenant: Any) -> None:
    base = GATEWAY + tenant.service("web")
    tenant.apply(base)
    assert _attached(tenant) == 0
    tenant.apply(base + route("a", "web") + route("b", "web"))
    assert _attached(tenant) == 2
    tenant.apply(base + route("b", "web") + route("c", "web", parentRefs=[{"name": "gw", "sectionName": "other"}]))
    assert _attached(tenant) == 1
    assert tenant.conditions("HTTPRoute", "c")["Accepted"] == "False NoMatchingParent"


def _attached(tenant: Any) -> int:
    return int(tenant.gateway.status("Gateway", tenant.namespace, "gw")["listeners"][0]["attachedRoutes"])


GRANT = """
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: grant, namespace: "@NS-far"}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: "@NS"}]
  to: [{group: "", kind: Service}]
---
"""


def test_a_grant_that_is_taken_away_ends_what_it_allowed(tenant: Any) -> None:
    far = tenant.service("web").replace("metadata:\n", "metadata:\n  namespace: '@NS-far'\n")
    rule = {"backendRefs": [{"name": "web", "namespace": f"{tenant.namespace}-far", "port": 80}]}
    base = GATEWAY + far + route("r", rule)
    tenant.apply(base + GRANT)
    assert tenant.ask().status == 200
    assert tenant.conditions("HTTPRoute", "r")["ResolvedRefs"] == "True ResolvedRefs"
    tenant.apply(base)
    assert tenant.ask().status == 500
    assert tenant.conditions("HTTPRoute", "r") == {"Accepted": "True Accepted", "ResolvedRefs": "False RefNotPermitted"}
    tenant.apply(base + GRANT)
    assert tenant.ask().status == 200


def test_endpoints_leave_and_come_back(tenant: Any) -> None:
    rest = GATEWAY + route("r", "web")
    tenant.apply(rest + tenant.service("web"))
    assert tenant.ask().status == 200
    tenant.apply(rest + tenant.service("web", ready=False))
    assert tenant.ask().status == 503
    tenant.apply(rest + tenant.service("web"))
    assert tenant.ask().status == 200
    tenant.apply(rest + tenant.service("web").split("---\n")[0])
    assert tenant.ask().status == 503


def test_a_file_that_goes_takes_its_objects_with_it(tenant: Any) -> None:
    tenant.apply(GATEWAY + tenant.service("web"), route=route("r", "web"))
    assert tenant.ask().status == 200
    tenant.apply(GATEWAY + tenant.service("web"), route=None)
    assert tenant.ask().status == 404


def test_a_change_takes_effect_by_itself_with_nothing_but_the_file_written(tenant: Any) -> None:
    base = GATEWAY + tenant.service("web")
    tenant.apply(base + route("r", under("/before", "web")))
    address = tenant.address()
    tenant.write(base + route("r", under("/after", "web")))
    until(lambda: ask(address, path="/after").status == 200, 5, "the new route is served")
    assert ask(address, path="/before").status == 404


def _refused(address: Address) -> bool:
    try:
        ask(address)
    except ConnectionRefusedError:
        return True
    return False
