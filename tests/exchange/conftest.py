"""A gateway in memory: manifests, endpoints and requests as text, commands as answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

import pytest

from modelyard.exchange.contract import ClientFacts
from modelyard.exchange.exchange import Exchange
from modelyard.exchange.gateway import Gateway
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.http1.request_parsing import parse_request_head
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Settings, Snapshot, build_snapshot

GROUP = "default/gw:80"
CLIENT = ClientFacts(GROUP, "192.0.2.7", 8080)

POOL = BackendKey(kind="InferencePool", namespace="default", name="pool")

MANIFEST = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: models}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec: {selector: {matchLabels: {app: a}}, targetPorts: [{number: 8000}]}
"""


def snapshot_of(manifest: str, generation: int = 1, **settings: object) -> Snapshot:
    loaded = load_documents(manifest, "test.yaml")
    assert not loaded.errors, [str(error) for error in loaded.errors]
    resources, errors = ResourceSet.of(loaded.objects)
    assert not errors
    return build_snapshot(resources, generation=generation, settings=Settings(**settings))


def endpoint(
    address: str, *models: str, engine: str = "vllm", ready: bool = True, waiting: int = 0, at: float = 0.0
) -> EndpointState:
    served = tuple(ServedModel(id=name.partition("<")[0], parent=name.partition("<")[2] or None) for name in models)
    return EndpointState(
        endpoint=Endpoint(address=address, name=address, engine=engine),
        ready=ready,
        load=EngineLoad(at=at, waiting=waiting),
        models=served if models else None,
    )


class Playbook:
    """Drives exchanges of one gateway with a clock of its own."""

    def __init__(self, manifest: str = MANIFEST, seed: int = 1, **settings: object) -> None:
        self.now = 100.0
        self.failures: list[tuple[str, str]] = []
        self.gateway = Gateway(
            snapshot_of(manifest, **settings),
            random.Random(seed),
            on_failure=lambda address, kind, now: self.failures.append((address, kind)),
        )
        self._version = 0

    def fleet(self, backends: Mapping[BackendKey, list[EndpointState]]) -> None:
        self._version += 1
        fleets = {
            key: BackendFleet(key=key, endpoints=tuple(states), version=self._version)
            for key, states in backends.items()
        }
        self.gateway.update_fleet(Fleet(backends=fleets, version=self._version), self.now)

    def open(self, raw: bytes, client: ClientFacts = CLIENT) -> Exchange:
        return self.gateway.open(parse_request_head(raw), client, self.now)

    def post(self, path: str, body: object, *fields: str, host: str = "gw") -> tuple[Exchange, object]:
        """A POST with a JSON body, up to the command that follows the body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.1", f"host: {host}", f"content-length: {len(data)}"]
        lines += ["content-type: application/json", *fields, "", ""]
        exchange = self.open("\r\n".join(lines).encode())
        command = exchange.on_head(self.now)
        if type(command).__name__ == "ReadBody":
            command = exchange.on_body(data, self.now)
        return exchange, command

    def get(self, path: str, *fields: str, host: str = "gw") -> tuple[Exchange, object]:
        raw = "\r\n".join([f"GET {path} HTTP/1.1", f"host: {host}", *fields, "", ""]).encode()
        exchange = self.open(raw)
        return exchange, exchange.on_head(self.now)

    def in_flight(self, key: BackendKey = POOL) -> dict[str, int]:
        return dict(self.gateway.in_flight()[key])


@pytest.fixture
def playbook() -> Callable[..., Playbook]:
    return Playbook
