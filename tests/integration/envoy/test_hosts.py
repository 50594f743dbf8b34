"""One valid Host and nothing else: what the own proxy refuses, Envoy refuses too."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest
from edge_client import send
from edge_manifests import DIRECT
from envoy_setup import Setup, setup, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

ANY = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: any}
spec:
  parentRefs: [{name: direct}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: open}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: wild}
spec:
  parentRefs: [{name: direct}]
  hostnames: ["*.wild.test"]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: open}]
---
"""


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Setup]:
    with setup(tmp_path_factory.mktemp("hosts"), own_blocks(), ANY) as made:
        backends = MeasuringBackends(made.backend_hosts)
        made.envoy()
        until(lambda: send((made.edge, DIRECT), "open.test").status == 200, "nothing is served")
        yield made
        backends.close()


def ask(edge: Setup, lines: str) -> tuple[int, bytes]:
    head = f"GET /v1/models/tiny HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"
    with socket.create_connection((edge.edge, DIRECT), 10) as sock:
        sock.sendall(head.encode())
        got = b""
        while more := sock.recv(65536):
            got += more
    return int(got.split(b" ", 2)[1]), got.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "lines",
    [
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: x.wild.test\r\nHost: y.wild.test\r\n",
        "Host: a@b\r\n",
        "Host: open.test@x.wild.test\r\n",
        "Host: a,b\r\n",
        "Host: a:b\r\n",
        "Host: -\r\n",
        "Host: a%2e\r\n",
    ],
)
def test_what_is_not_one_host_is_refused(edge: Setup, lines: str) -> None:
    status, body = ask(edge, lines)
    assert status == 400
    assert json.loads(body)["error"]["code"] == "malformed_request"


@pytest.mark.parametrize(
    "host", ["a", "A.Wild.TEST", "x.wild.test:8080", "127.0.0.1:80", "[::1]", "[::1]:80", "a_b-c.d."]
)
def test_what_is_one_is_served(edge: Setup, host: str) -> None:
    assert ask(edge, f"Host: {host}\r\n")[0] == 200
