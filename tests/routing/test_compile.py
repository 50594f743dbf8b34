from __future__ import annotations

from collections.abc import Callable

from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.compile import compile_routes

MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: mine}
spec: {controllerName: example.net/mine}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: mine}
spec: {gatewayClassName: mine, listeners: [{name: http, port: 80, protocol: HTTP, hostname: "*.test"}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: theirs}
spec: {gatewayClassName: theirs, defaultScope: All, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: mine}, {name: theirs}, {name: gone}, {kind: Service, group: "", name: web}]
  hostnames: [a.test, b.test, elsewhere.example]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: by-default}
spec:
  useDefaultGateways: All
  rules: [{backendRefs: [{name: web, port: 80}], sessionPersistence: {type: Cookie}, retry: {attempts: 2}}]
"""

NOW = "2026-01-01T00:00:00Z"
Load = Callable[..., ResourceSet]


def test_every_gateway_is_ours_by_default(load: Load) -> None:
    compiled = compile_routes(load(MANIFESTS))
    assert [listener.gateway for listener in compiled.table.listeners] == ["mine", "theirs"]
    status = compiled.statuses.status_of("HTTPRoute", "default", "r", now=NOW)
    assert status is not None
    assert [(parent["parentRef"]["name"], parent["controllerName"]) for parent in status["parents"]] == [
        ("mine", "example.net/mine"),
        ("theirs", "modelyard.dev/gateway-controller"),
    ]


def test_one_class_only(load: Load) -> None:
    compiled = compile_routes(load(MANIFESTS), gateway_class="theirs")
    assert [listener.gateway for listener in compiled.table.listeners] == ["theirs"]
    assert compiled.statuses.status_of("Gateway", "default", "mine", now=NOW) is None
    assert compiled.statuses.status_of("GatewayClass", "", "mine", now=NOW) is None


def test_every_class_of_the_served_controller_has_a_status(load: Load) -> None:
    second = "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: second}, %s}"
    ours = compile_routes(
        load(MANIFESTS + "---\n" + second % "spec: {controllerName: example.net/mine}"), gateway_class="mine"
    )
    assert ours.statuses.status_of("GatewayClass", "", "second", now=NOW) is not None
    other = compile_routes(
        load(MANIFESTS + "---\n" + second % "spec: {controllerName: example.net/other}"), gateway_class="mine"
    )
    assert other.statuses.status_of("GatewayClass", "", "second", now=NOW) is None


def test_only_hostnames_that_can_be_reached_are_in_the_table(load: Load) -> None:
    compiled = compile_routes(load(MANIFESTS))
    assert [entry.hostname for entry in compiled.table.entries("default/mine:80")] == ["a.test", "b.test"]


def test_default_gateways_take_routes_that_ask_for_them(load: Load) -> None:
    compiled = compile_routes(load(MANIFESTS))
    candidates = compiled.table.candidates("default/theirs:80", "other.example", "/")
    assert candidates is not None
    assert [rule.name for rule in candidates.rules] == ["by-default"]


def test_what_no_condition_says_is_a_note(load: Load) -> None:
    notes = [
        f"{note.kind} {note.namespace}/{note.name}: {note.message}" for note in compile_routes(load(MANIFESTS)).notes
    ]
    assert notes == [
        "HTTPRoute default/r: parentRef to Gateway default/gone, which does not exist",
        "HTTPRoute default/r: parentRef to Service web is not used; only Gateways are parents",
        "HTTPRoute default/by-default: sessionPersistence is not used;"
        " the session-affinity-scorer keeps sessions together",
        "HTTPRoute default/by-default: retry is not used;"
        " attempts that fail before the first byte are repeated within a budget",
    ]


def test_nothing_compiles_to_nothing() -> None:
    compiled = compile_routes(ResourceSet())
    assert compiled.table.listeners == ()
    assert compiled.statuses.reports == {}
