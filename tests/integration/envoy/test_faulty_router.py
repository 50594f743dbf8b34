"""A body-based router, not our own, that ends its streams without an answer, behind a real Envoy: the request goes
nowhere, though another route would take it."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import grpc
import hpack
import pytest
from edge_client import BODY, PATH, Answer, send
from edge_manifests import BY_MODEL
from envoy.service.ext_proc.v3 import external_processor_pb2 as messages
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as services
from envoy_setup import Setup, setup, until
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from measuring_backends import MeasuringBackends

from modelyard.http2 import frames

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

REST = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: rest}
spec:
  parentRefs: [{name: by-model}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: open}]
---
"""


class FaultyRouter(services.ExternalProcessorServicer):  # type: ignore[misc]
    """Names the model ``closed``, for which nobody picks here; at ``fault`` it ends its stream instead."""

    def __init__(self, host: str) -> None:
        self.fault = ""
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        services.add_ExternalProcessorServicer_to_server(self, self._server)
        states = health.HealthServicer()
        states.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(states, self._server)
        self._server.add_insecure_port(f"{host}:9004")
        self._server.start()

    def close(self) -> None:
        self._server.stop(None).wait(10)

    def Process(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        for message in requests:
            phase = message.WhichOneof("request")
            if self.fault == phase:
                return
            answer = messages.ProcessingResponse()
            getattr(answer, phase).SetInParent()
            if self.fault == f"error at {phase}":
                context.abort(grpc.StatusCode.INTERNAL, "on purpose")
            if phase == "request_body" and self.fault != "names nothing":
                common = answer.request_body.response
                common.clear_route_cache = True
                common.header_mutation.set_headers.add().header.CopyFrom(_MODEL)
            yield answer
            if self.fault == f"leaves after {phase}":
                return


_MODEL = messages.HttpHeaders().headers.headers.add()
_MODEL.key, _MODEL.raw_value = "x-gateway-model-name", b"closed"


@dataclass(slots=True)
class Edge:
    setup: Setup
    backends: MeasuringBackends
    router: FaultyRouter

    def send(self, fault: str, **more: Any) -> Answer:
        self.router.fault = fault
        return send((self.setup.edge, BY_MODEL), "any.test", **more)

    def streams_left(self) -> int:
        """How many streams to the router have ended, by Envoy's count."""
        url = f"http://{self.setup.edge}:9901/stats?filter=body_router.streams_closed"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return sum(int(count) for count in re.findall(rb": (\d+)", answer.read()))

    def connection(self) -> socket.socket:
        return socket.create_connection((self.setup.edge, BY_MODEL), 30)

    def send_in_two(self, fault: str, head: bytes, rest: bytes) -> bytes:
        """What comes back; ``rest`` is sent once the router has left."""
        self.router.fault = fault
        before = self.streams_left()
        with self.connection() as client:
            client.sendall(head)
            until(lambda: self.streams_left() > before, "the router does not leave")
            client.sendall(rest)
            return _answer(client)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    with setup(tmp_path_factory.mktemp("faulty_router"), own_blocks(), REST) as made:
        backends = MeasuringBackends(made.backend_hosts)
        found = Edge(made, backends, FaultyRouter(made.router_host))
        made.envoy("--no-pings", "--admin", f"{made.edge}:9901")
        until(lambda: found.send("names nothing").status == 200, "the router is not asked")
        yield found
        found.router.close()
        backends.close()


@pytest.mark.parametrize("body", [b'{"model": "closed"}', b"a" * 300_000], ids=["small", "large"])
@pytest.mark.parametrize(
    "fault", ["request_headers", "request_body", "error at request_headers", "error at request_body"]
)
def test_without_an_answer_nothing_goes_to_another_route(edge: Edge, fault: str, body: bytes) -> None:
    before = edge.backends.requests
    answer = edge.send(fault, body=body)
    assert (answer.status, answer.json["error"]["code"]) == (503, "router_unavailable")
    assert edge.backends.requests == before


def _http1(framing: str) -> bytes:
    fields = f"host: any.test\r\ncontent-type: application/json\r\n{framing}\r\nconnection: close\r\n\r\n"
    return f"POST {PATH} HTTP/1.1\r\n{fields}".encode()


def _http2(flags: int = 0) -> bytes:
    """Without a length."""
    head = {":method": "POST", ":scheme": "http", ":path": PATH, ":authority": "any.test"}
    fields = frames.frame(frames.HEADERS, frames.END_HEADERS | flags, 1, hpack.Encoder().encode(list(head.items())))
    return frames.PREFACE + frames.settings({}) + fields


TRAILERS = hpack.Encoder().encode([("x-checksum", "1")])
LATE = {
    "length": (_http1(f"content-length: {len(BODY)}"), BODY),
    "chunked": (_http1("transfer-encoding: chunked"), b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "http2": (_http2(), frames.frame(frames.DATA, frames.END_STREAM, 1, BODY)),
    "http2 in pieces": (
        _http2(),
        frames.frame(frames.DATA, 0, 1, b"")
        + frames.frame(frames.DATA, 0, 1, BODY[:5])
        + frames.frame(frames.DATA, frames.END_STREAM, 1, BODY[5:]),
    ),
}


def _answer(client: socket.socket) -> bytes:
    """Up to the backend's own body, or the refusal."""
    got = b""
    while b"sha256" not in got and b"router_unavailable" not in got:
        more = client.recv(65_536)
        assert more, got
        got += more
    return got


@pytest.mark.parametrize("late", LATE)
def test_who_leaves_before_the_body_has_come_has_not_answered(edge: Edge, late: str) -> None:
    before = edge.backends.requests
    got = edge.send_in_two("leaves after request_headers", *LATE[late])
    assert b"router_unavailable" in got
    assert edge.backends.requests == before


@pytest.mark.parametrize("head", [_http1("content-length: 0"), _http2(frames.END_STREAM)], ids=["length", "http2"])
def test_who_leaves_a_post_without_a_body_has_answered(edge: Edge, head: bytes) -> None:
    before = edge.backends.requests
    assert b"sha256" in edge.send_in_two("leaves after request_headers", head, b"")
    assert edge.backends.requests == before + 1


@pytest.mark.parametrize(
    ("head", "end"),
    [
        (_http1("transfer-encoding: chunked"), b"0\r\n\r\n"),
        (_http2(), frames.frame(frames.DATA, frames.END_STREAM, 1)),
        (_http2(), frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, TRAILERS)),
    ],
    ids=["chunked", "http2", "http2 trailers"],
)
def test_a_post_that_turns_out_to_have_no_body_passes_a_router_that_answers(
    edge: Edge, head: bytes, end: bytes
) -> None:
    before = edge.backends.requests
    edge.router.fault = "names nothing"
    with edge.connection() as client:
        client.sendall(head + end)
        assert b"sha256" in _answer(client)
    assert edge.backends.requests == before + 1


def test_a_request_without_a_body_needs_an_answer_too(edge: Edge) -> None:
    assert edge.send("", body=None, path="/v1/models/tiny").status == 200
    answer = edge.send("request_headers", body=None, path="/v1/models/tiny")
    assert (answer.status, answer.json["error"]["code"]) == (503, "router_unavailable")


@pytest.mark.parametrize("fault", ["", "leaves after request_body"])
def test_who_has_answered_may_leave(edge: Edge, fault: str) -> None:
    """The model's own pool, where nobody picks and which fails closed."""
    answer = edge.send(fault)
    assert (answer.status, answer.json["error"]["code"]) == (503, "no_ready_endpoint")
    assert edge.send("names nothing").status == 200
