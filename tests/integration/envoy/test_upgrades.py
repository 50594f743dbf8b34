"""WebSocket to a pool: picked for as any other request; nothing of a client's own fields passes, nothing of ours shows.
With the real ``modelyard epp`` and ``modelyard bbr`` behind a real Envoy."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from edge_client import send
from edge_manifests import BY_MODEL, DIRECT
from envoy_setup import Setup, setup, until
from upgrading_backends import PORT, UpgradingBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
PICKED = b"x-gateway-destination-endpoint: "


@dataclass(slots=True)
class Edge:
    setup: Setup
    backends: UpgradingBackends

    def ask(self, line: str, host: str, lines: str = UPGRADE, after: bytes = b"", port: int = DIRECT) -> bytes:
        """What comes back, up to the end of the answer or of the connection."""
        self.backends.heads.clear()
        with socket.create_connection((self.setup.edge, port), 10) as sock:
            sock.sendall(f"{line} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode() + after)
            return received(sock)


def received(sock: socket.socket) -> bytes:
    """One answer, or the head of one that switches protocols."""
    got = b""
    while not _complete(got) and (more := sock.recv(65536)):
        got += more
    return got


def _complete(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    with setup(tmp_path_factory.mktemp("upgrades"), own_blocks()) as made:
        backends = UpgradingBackends(made.backend_hosts)
        made.picker()
        made.router()
        made.envoy()
        for host in ("open.test", "closed.test"):
            until(lambda host=host: _picks(made, host), "the picker is not asked")  # type: ignore[misc]
        yield Edge(made, backends)
        backends.close()


def _picks(made: Setup, host: str) -> bool:
    answer = send((made.edge, DIRECT), host, body=None, path="/v1/models/tiny")
    return answer.status == 200


@pytest.mark.parametrize("host", ["open.test", "closed.test"])
def test_an_upgrade_to_a_pool_is_picked_for(edge: Edge, host: str) -> None:
    forged = "X-Gateway-Destination-Endpoint: 127.0.0.1:1\r\nx_gateway_model_name: a\r\nX-Prefiller-Url: http://a\r\n"
    with socket.create_connection((edge.setup.edge, DIRECT), 10) as sock:
        edge.backends.heads.clear()
        sock.sendall(f"GET /v1/realtime HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}{forged}\r\n".encode())
        assert received(sock).startswith(b"HTTP/1.1 101 ")
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"
    [(where, head)] = edge.backends.heads
    assert PICKED + where.encode() in head
    assert b"127.0.0.1:1" not in head
    assert b"model" not in head
    assert b"prefiller" not in head


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/models"])
def test_no_answer_tells_the_endpoint(edge: Edge, path: str) -> None:
    """Switched or not."""
    for host in ("open.test", "closed.test"):
        answer = edge.ask(f"GET {path}", host)
        assert edge.backends.heads
        assert b"endpoint" not in answer
        assert str(PORT).encode() not in answer


@pytest.mark.parametrize("path", ["/v1/load_lora_adapter", "/v1//load_lora_adapter", "/metrics", "/v1/models/../../ws"])
def test_paths_that_are_closed_stay_closed(edge: Edge, path: str) -> None:
    answer = edge.ask(f"GET {path}", "open.test")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "path_not_served"
    assert not edge.backends.heads


@pytest.mark.parametrize(
    ("line", "lines", "after"),
    [
        ("POST /v1/completions", UPGRADE + "Content-Length: 2\r\n", b"{}"),
        ("GET /v1/models", UPGRADE + "Content-Length: 2\r\n", b"{}"),
        ("POST /v1/completions", UPGRADE + "Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
        ("POST /v1/completions", UPGRADE, b""),
        ("GET /v1/models", "Connection: Upgrade\r\nUpgrade: other\r\n", b""),
    ],
    ids=["length", "get", "chunked", "post", "other"],
)
def test_no_body_passes_as_bytes_of_another_protocol(edge: Edge, line: str, lines: str, after: bytes) -> None:
    answer = edge.ask(line, "open.test", lines, after)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_upgrade"
    assert not edge.backends.heads


def test_bytes_that_follow_at_once_are_no_second_request(edge: Edge) -> None:
    """The endpoint refuses the upgrade, and reads on."""
    second = b"POST /v1/load_lora_adapter HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    edge.ask("GET /v1/models", "open.test", after=second)
    assert [head.split(b" ", 2)[1] for _, head in edge.backends.heads] == [b"/v1/models"]


def test_a_forged_model_chooses_no_route(edge: Edge) -> None:
    answer = edge.ask("GET /v1/realtime", "any.test", UPGRADE + "X-Gateway-Model-Name: open\r\n", port=BY_MODEL)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert not edge.backends.heads
