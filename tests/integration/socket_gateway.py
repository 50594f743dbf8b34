"""Runs a conformance case over real sockets: manifests into the folder of a running gateway, requests to its
listeners, answers of echo backends, conditions from the admin API."""

from __future__ import annotations

import itertools
import json
import math
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from echo_backends import ANSWER_HEADERS, EchoBackends
from plain_client import Address, Answer, Connection
from running_gateway import RunningGateway, until

from conformance.cases import BASE_MANIFESTS, Case, Exchange, Request
from conformance.pure_gateway import check_status

SAMPLES = 600
"""Requests from which a share is estimated: 0.7 and 0.5 are ten standard deviations apart."""
SPREAD = 5.0
"""Standard deviations that an estimated share may be off: one estimate in 1,700,000 fails by chance."""
STAND_IN_CERTIFICATE = "TW9kZWx5YXJk"
"""What the cases write as the content of a PEM block."""
_MODEL = "x-gateway-model-name"
_marks = itertools.count(1)


class SocketGateway:
    """A gateway that serves one case after the other."""

    def __init__(self, gateway: RunningGateway, backends: EchoBackends, host: str, pem: tuple[str, str]) -> None:
        """``host``: a loopback address of one's own, for endpoints of pools. ``pem``: certificate chain and key."""
        self._gateway = gateway
        self._backends = backends
        self._host = host
        self._pem = pem
        self._pods: dict[str, str] = {}
        """Address of the Pod behind each pool."""

    def check(self, case: Case) -> None:
        """Apply the case, then look at every exchange and status."""
        self._gateway.apply(
            {"case.yaml": self._with_certificates(case.manifests), "endpoints.yaml": self._endpoints(case)}
        )
        until(self._pools_are_ready, 10, "the pools' endpoints passed their first check")
        for exchange in case.exchanges:
            self._check_exchange(exchange)
        for status in case.statuses:
            kind, key = status.of.split()
            namespace, _, name = key.rpartition("/")
            check_status(status, self._gateway.status(kind, namespace, name))

    # ── manifests ──

    def _with_certificates(self, manifests: str) -> str:
        """The manifests with a certificate that a TLS library takes."""
        documents = list(yaml.safe_load_all(manifests))
        for document in documents:
            data = (document or {}).get("stringData", {})
            if {"tls.crt", "tls.key"} <= set(data) and STAND_IN_CERTIFICATE in data["tls.crt"]:
                data["tls.crt"], data["tls.key"] = self._pem
        return "---\n".join(yaml.safe_dump(document) for document in documents if document)

    def _endpoints(self, case: Case) -> str:
        """An EndpointSlice for each Service and a Pod for each pool, with one echo backend of its name."""
        objects: list[dict[str, Any]] = []
        for document in yaml.safe_load_all(f"{BASE_MANIFESTS}\n---\n{case.manifests}"):
            kind = (document or {}).get("kind")
            if kind not in ("Service", "InferencePool"):
                continue
            namespace, name = document["metadata"]["namespace"], document["metadata"]["name"]
            if kind == "Service":
                objects.append(self._slice(namespace, name, document["spec"]["ports"]))
            else:
                objects.append(self._pod(namespace, name, document["spec"]))
        return "---\n".join(yaml.safe_dump(item) for item in objects)

    def _slice(self, namespace: str, name: str, ports: list[dict[str, Any]]) -> dict[str, Any]:
        backend = f"{namespace}/{name}"
        if backend not in self._backends.ports:
            self._backends.start([backend])
        port = self._backends.ports[backend]
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-1", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": item.get("name", ""), "port": port, "protocol": "TCP"} for item in ports],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        }

    def _pod(self, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Pools reach their Pods at the port that the pool names, so each has an address of its own."""
        labels = spec["selector"].get("matchLabels", spec["selector"])
        backend = f"{namespace}/{name}"
        if backend not in self._pods:
            prefix, _, last = self._host.rpartition(".")
            self._pods[backend] = f"{prefix}.{int(last) + len(self._pods) + 1}"
            self._backends.start([backend], host=self._pods[backend], port=8000)
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"containers": [{"name": "server"}]},
            "status": {
                "podIP": self._pods[backend],
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    def _pools_are_ready(self) -> bool:
        """Pools wait for the first check of an endpoint; Services do not, and none is waited for here."""
        ready = self._gateway.ready_endpoints()
        return all(count for name, count in ready.items() if name.startswith("InferencePool/"))

    # ── exchanges ──

    def _check_exchange(self, exchange: Exchange) -> None:
        expected, mark = exchange.answer, f"mark-{next(_marks)}"
        count = SAMPLES if expected.split or expected.mirrored else 1
        if not self._listens(exchange):
            assert expected.status == 404, f"nothing listens for {exchange.request}"
            return
        answers = list(self._send(exchange, mark, count))
        if not expected.split:
            self._check_answer(exchange, answers[0])
        else:
            shares = Counter(answer.backend or str(answer.status) for answer in answers)
            assert shares.keys() <= expected.split.keys(), shares
            for name, share in expected.split.items():
                assert near(shares[name], count, share), f"{name}: {shares[name]} of {count}, not {share}"
        for name, share in expected.mirrored.items():
            until(
                lambda name=name, share=share: near(self._backends.seen(name, mark), count, share),
                15,
                f"{share} of {count} requests copied to {name}; it got {self._backends.seen(name, mark)}",
            )
        answered = {answer.backend for answer in answers}
        for name in self._backends.ports.keys() - expected.mirrored.keys() - answered:
            assert self._backends.seen(name, mark) == 0, f"{name} got a request that it should not get"

    def _listens(self, exchange: Exchange) -> bool:
        """Whether there is a socket at all: a port without a usable listener has none."""
        namespace, name = exchange.request.gateway.split("/")
        if not self._gateway.status("Gateway", namespace, name).get("addresses"):
            return False
        try:
            socket.create_connection(self._address(exchange.request), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    def _send(self, exchange: Exchange, mark: str, count: int) -> Iterator[Answer]:
        request = exchange.request
        headers = {**request.headers, "x-mark": mark}
        if exchange.backend_headers:
            headers[ANSWER_HEADERS] = json.dumps(dict(exchange.backend_headers))
        method, path, body = request.method, request.path, b""
        if _MODEL in headers:
            method, path, body = "POST", _model_path(request), _chat(headers.pop(_MODEL))
            headers["content-type"] = "application/json"
        with Connection(self._address(request), sni=request.sni) as connection:
            for _ in range(count):
                yield connection.send(method, path, host=request.host, headers=headers, body=body)

    def _address(self, request: Request) -> Address:
        return self._gateway.address(request.gateway, request.port)

    def _check_answer(self, exchange: Exchange, got: Answer) -> None:
        expected, request = exchange.answer, exchange.request
        where = f"{request}: {got}"
        assert got.status == expected.status, where
        assert expected.backend in (None, got.backend), where
        assert got.header("location") == expected.location, where
        if got.status == 200:
            assert got.echo["path"] == (expected.path or _path_sent(request)), where
            assert got.echo["host"] == (expected.host or request.host), where
            _check_headers(expected.request_headers, got.at_backend, where)
        _check_headers(expected.response_headers, got.header, where)


def near(count: int, total: int, share: float) -> bool:
    """Whether a count is what a share gives, within what chance does; shares of 0 and 1 are exact."""
    return abs(count - total * share) <= SPREAD * math.sqrt(total * share * (1 - share))


def _path_sent(request: Request) -> str:
    return _model_path(request) if _MODEL in request.headers else request.path


def _model_path(request: Request) -> str:
    """Over sockets the model's name comes from a body, so the request goes to a path whose bodies are read."""
    return request.path if request.path.startswith("/v1/") else "/v1/chat/completions"


def _chat(model: str) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], "prompt": "hi"}).encode()


def _check_headers(expected: Mapping[str, str | None], found: Any, where: str) -> None:
    for name, value in expected.items():
        assert found(name) == value, f"{name}: {where}"
