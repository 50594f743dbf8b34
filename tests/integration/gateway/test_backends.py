"""Backends as Kubernetes describes them: Services over Pods, EndpointSlices, ports by name, WebSocket, timeouts."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest
import yaml
from gateway_manifests import GATEWAY, route, under
from plain_client import Connection

pytestmark = pytest.mark.integration

PORT = 3000


def pod(name: str, ip: str, *, ready: bool = True, **labels: str) -> str:
    return (
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "labels": labels},
                "spec": {"containers": [{"name": "echo", "ports": [{"name": "web", "containerPort": PORT}]}]},
                "status": {
                    "podIP": ip,
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                },
            }
        )
        + "\n---\n"
    )


@pytest.fixture
def pods(tenant: Any, backends: Any, own_address: str) -> Any:
    """Manifests of three Pods: ``one`` and ``two`` of app ``echo``, and ``other``; each with its echo backend."""
    prefix = own_address.removesuffix(".1")
    names = {"one": "echo", "two": "echo", "other": "other"}
    addresses = {name: f"{prefix}.{number}" for number, name in enumerate(names, 60)}
    for name, address in addresses.items():
        backends.start([name], host=address, port=PORT)
    yield "".join(pod(name, address, app=names[name]) for name, address in addresses.items())
    for name in names:
        backends.stop(name)


def service(name: str, spec: str) -> str:
    return f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{{spec}}}}}\n---\n"


def shares(tenant: Any, path: str, count: int = 60) -> Counter[str]:
    """How often each backend answered, and each status other than 200."""
    found: Counter[str] = Counter()
    with Connection(tenant.address()) as connection:
        for _ in range(count):
            answer = connection.send(path=path)
            found[answer.backend or str(answer.status)] += 1
    return found


def test_services_select_their_pods(tenant: Any, pods: str) -> None:
    manifests = (
        service("number", f"selector: {{app: echo}}, ports: [{{port: 80, targetPort: {PORT}}}]")
        + service("name", "selector: {app: echo}, ports: [{port: 80, targetPort: web}]")
        + service("headless", f"clusterIP: None, selector: {{app: echo}}, ports: [{{port: 80, targetPort: {PORT}}}]")
        + service("nobody", "selector: {app: gone}, ports: [{port: 80}]")
        + service("bare", "ports: [{port: 80}]")
    )
    names = ("number", "name", "headless", "nobody", "bare")
    tenant.apply(GATEWAY + pods + manifests + route("r", *(under(f"/{name}", name) for name in names)))
    for name in ("number", "name", "headless"):
        assert shares(tenant, f"/{name}").keys() == {"one", "two"}, name
    assert shares(tenant, "/nobody", 1) == {"503": 1}
    assert shares(tenant, "/bare", 1) == {"503": 1}
    assert tenant.conditions("HTTPRoute", "r")["ResolvedRefs"] == "True ResolvedRefs"


def test_pods_that_are_not_ready_get_nothing_unless_the_service_says_so(tenant: Any, pods: str) -> None:
    unready = pods.replace("status: 'True'", "status: 'False'", 1)
    spec = f"selector: {{app: echo}}, ports: [{{port: 80, targetPort: {PORT}}}]"
    manifests = service("ready", spec) + service("all", f"publishNotReadyAddresses: true, {spec}")
    tenant.apply(GATEWAY + unready + manifests + route("r", under("/ready", "ready"), under("/all", "all")))
    assert shares(tenant, "/ready").keys() == {"two"}
    assert shares(tenant, "/all").keys() == {"one", "two"}


def test_ports_of_a_service_are_matched_with_those_of_its_slices_by_name(tenant: Any, backends: Any) -> None:
    ports = [backends.ports[tenant.backend(name)] for name in ("first", "second")]
    manifests = service("web", "ports: [{name: first, port: 80}, {name: second, port: 81}]") + yaml.safe_dump(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"name": "second", "port": ports[1]}, {"name": "first", "port": ports[0]}],
            "endpoints": [{"addresses": ["127.0.0.1"]}, {"addresses": ["127.0.0.9"], "conditions": {"ready": False}}],
        }
    )
    rules = [
        {"matches": [{"path": {"value": path}}], "backendRefs": [{"name": "web", "port": port}]}
        for path, port in (("/first", 80), ("/second", 81), ("/third", 82))
    ]
    tenant.apply(GATEWAY + manifests + "\n---\n" + route("r", *rules))
    assert shares(tenant, "/first", 3) == {f"{tenant.namespace}/first": 3}
    assert shares(tenant, "/second", 3) == {f"{tenant.namespace}/second": 3}
    assert shares(tenant, "/third", 1) == {"500": 1}


def test_an_endpoint_that_refuses_is_passed_over(tenant: Any, backends: Any) -> None:
    tenant.apply(GATEWAY + tenant.service("web", "also") + route("r", "web"))
    assert shares(tenant, "/").keys() == {f"{tenant.namespace}/web", f"{tenant.namespace}/also"}
    backends.stop(f"{tenant.namespace}/also")
    assert shares(tenant, "/") == {f"{tenant.namespace}/web": 60}


@pytest.mark.parametrize("field", ["request", "backendRequest"])
def test_timeouts_end_slow_requests(tenant: Any, field: str) -> None:
    limits = {"request": "20s", field: "1s"} if field == "backendRequest" else {field: "1s"}
    tenant.apply(
        GATEWAY
        + tenant.service("web")
        + route("r", under("/limited", "web", timeouts=limits), under("/unlimited", "web", timeouts={field: "0s"}))
    )
    assert tenant.ask(path="/limited?delay=0").status == 200
    slow = tenant.ask(path="/limited?delay=9")
    assert (slow.status, slow.backend) == (504, None)
    assert tenant.ask(path="/unlimited?delay=0.4").status == 200
    assert tenant.ask(path="/limited?delay=0").status == 200


@pytest.mark.parametrize("protocol", ["", "appProtocol: kubernetes.io/ws"])
def test_websocket_frames_pass_both_ways(tenant: Any, protocol: str) -> None:
    plain = "ports:\n  - port: 80"
    manifests = tenant.service("web")
    assert plain in manifests
    tenant.apply(GATEWAY + manifests.replace(plain, f"{plain}\n    {protocol}") + route("r", under("/ws", "web")))
    host, port = tenant.address()

    async def talk() -> None:
        async with (
            asyncio.timeout(10),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://{host}:{port}/ws?a=b", headers={"host": "ws.test"}) as socket,
        ):
            for text in ("hello", "x" * 200_000):
                await socket.send_str(text)
                assert await socket.receive_str() == text
            await socket.send_bytes(b"\x00\xff")
            assert await socket.receive_bytes() == b"\x00\xff"

    asyncio.run(talk())
    assert tenant.ask(path="/ws").status == 200


def test_each_backend_of_a_split_has_its_own_header_changes(tenant: Any) -> None:
    backend_refs = [
        {
            "name": name,
            "port": 80,
            "weight": weight,
            "filters": [
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {"set": [{"name": "x-for", "value": name}]},
                }
            ],
        }
        for name, weight in (("a", 70), ("b", 30), ("none", 0))
    ]
    manifests = "".join(tenant.service(name) for name in ("a", "b", "none"))
    tenant.apply(GATEWAY + manifests + route("r", {"backendRefs": backend_refs}))
    with Connection(tenant.address()) as connection:
        answers = [connection.send() for _ in range(200)]
    assert {(answer.backend, answer.at_backend("x-for")) for answer in answers} == {
        (f"{tenant.namespace}/a", "a"),
        (f"{tenant.namespace}/b", "b"),
    }
