"""One running gateway for this folder; every test has a namespace of its own in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import yaml
from echo_backends import EchoBackends
from plain_client import Address, Answer, ask
from running_gateway import RunningGateway

_numbers = itertools.count(1)


class Tenant:
    """A namespace with a Gateway ``gw`` on port 80, in a file of its own."""

    def __init__(self, gateway: RunningGateway, backends: EchoBackends) -> None:
        self.gateway = gateway
        self.namespace = f"n{next(_numbers)}"
        self._backends = backends

    def apply(self, manifests: str, **files: str | None) -> None:
        """Replace the namespace's manifests (``@NS`` stands for it) and wait until they are served."""
        texts = {"main": manifests, **files}
        self.gateway.apply({self.file(name): text and self.expanded(text) for name, text in texts.items()})

    def write(self, manifests: str, name: str = "main") -> None:
        """The same without waiting."""
        self.gateway.write(self.file(name), self.expanded(manifests))

    def file(self, name: str) -> str:
        return f"{self.namespace}-{name}.yaml"

    def expanded(self, manifests: str) -> str:
        """Every object in the namespace, where it has none of its own."""
        documents = [item for item in yaml.safe_load_all(manifests.replace("@NS", self.namespace)) if item]
        for item in documents:
            if item["kind"] not in ("Namespace", "GatewayClass"):
                item["metadata"].setdefault("namespace", self.namespace)
        return "---\n".join(yaml.safe_dump(item) for item in documents)

    def service(self, name: str, *more: str, ready: bool = True) -> str:
        """A Service with one port 80 and an EndpointSlice with an echo backend for ``name`` and each of ``more``."""
        backends = [self.backend(item) for item in (name, *more)]
        ports = {item: self._backends.ports[item] for item in backends}
        documents = [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        ]
        for backend, port in ports.items():
            documents.append(
                {
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {
                        "name": backend.replace("/", "-"),
                        "labels": {"kubernetes.io/service-name": name},
                    },
                    "addressType": "IPv4",
                    "ports": [{"name": "", "port": port}],
                    "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
                }
            )
        return "\n---\n".join(yaml.safe_dump(item) for item in documents) + "\n---\n"

    def backend(self, name: str) -> str:
        """Start the echo backend ``namespace/name``; its full name."""
        full = f"{self.namespace}/{name}"
        if full not in self._backends.ports:
            self._backends.start([full])
        return full

    def ask(
        self, method: str = "GET", path: str = "/", *, gateway: str = "gw", port: int = 80, **more: object
    ) -> Answer:
        """One request to the Gateway."""
        return ask(self.address(gateway, port), method, path, **more)

    def address(self, gateway: str = "gw", port: int = 80) -> Address:
        return self.gateway.address(f"{self.namespace}/{gateway}", port)

    def conditions(self, kind: str, name: str, parent: int = 0) -> dict[str, str]:
        """Type -> ``status reason`` of a Gateway, or of a route towards one parent."""
        status = self.gateway.status(kind, self.namespace, name)
        holder = status["parents"][parent] if "parents" in status else status
        return {item["type"]: f"{item['status']} {item['reason']}" for item in holder["conditions"]}

    def remove(self) -> None:
        """Take the namespace's files away."""
        files = [path.name for path in self.gateway.folder.glob(f"{self.namespace}-*.yaml")]
        self.gateway.apply(dict.fromkeys(files))


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory, own_address: str) -> Iterator[RunningGateway]:
    """A gateway without any manifest at first."""
    address = own_address.removesuffix(".1") + ".129"
    running = RunningGateway(tmp_path_factory.mktemp("yard"), bind=address, ports=(80, 81, 443, 8080))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def tenant(shared_gateway: RunningGateway, backends: EchoBackends) -> Iterator[Tenant]:
    found = Tenant(shared_gateway, backends)
    yield found
    found.remove()
