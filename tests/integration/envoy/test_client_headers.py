"""What clients send in fields that only Modelyard sets, and in paths that no client may reach: nothing of it counts."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import hpack
import pytest
from edge_client import send
from faulty_edge import FaultyEdge, faulty_edge

from modelyard.http2 import frames

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

BODY = b'{"model": "closed"}'
FORGED = [
    "x-gateway-destination-endpoint",
    "X-Gateway-Destination-Endpoint",
    "x_gateway_destination_endpoint",
    "x-gateway_destination-endpoint",
    "x-gateway-destination-endpoint-served",
    "x-gateway-destination-endpoint-subset",
    "x-gateway-destination-endpoint-scores",
    "x-gateway-model-name",
    "x_gateway_model_name",
    "x-gateway-base-model-name",
    "serve_multiplexed_model_id",
    "serve-multiplexed-model-id",
    "x-prefiller-host-port",
    "x-encoder-hosts-ports",
    "x-data-parallel-host-port",
    "x-kv-cache-source-host-port",
    "x-modelyard-endpoint",
    "x-envoy-original-dst-host",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
]
CLOSED_PATHS = [
    "/v1/load_lora_adapter",
    "/v1/load%5Flora_adapter",
    "/v1%2Fload_lora_adapter",
    "/v1%5cload_lora_adapter",
    "/%76%31/load_lora_adapter",
    "//v1//load_lora_adapter",
    "/V1/Load_Lora_Adapter",
    "/v1/models/../load_lora_adapter",
    "/v1/models/%2e%2e/load_lora_adapter",
    "/v1/chat/completions/",
    "/v1/chat/completions;x=/v1/load_lora_adapter",
    "/invocations",
    "/pause",
    "/sleep",
    "/collective_rpc",
    "/metrics",
    "/",
]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[FaultyEdge]:
    block = own_blocks()
    with faulty_edge(tmp_path_factory.mktemp("headers"), block, router=True) as found:
        yield found


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_field_selects_nothing_and_reaches_no_backend(edge: FaultyEdge, name: str) -> None:
    picked = edge.endpoints[0]
    for value in (edge.endpoints[1], "169.254.169.254:80", f"{edge.endpoints[1]},{edge.endpoints[1]}", "open"):
        answer = send(edge.address, "closed.test", headers={name: value, "x-fault": f"pick {picked}"})
        assert answer.json["backend"] == picked
        seen = {field for field, _ in edge.backends.heads[-1]}
        assert name.lower() not in seen
        assert not any("destination" in field or "prefiller" in field for field in seen)


def test_the_model_header_is_the_bodys_alone(edge: FaultyEdge) -> None:
    """Sent twice, in other letters, with underscores; with a body that names a model, and with one that does not."""
    lines = "X-Gateway-Model-Name: open\r\nx-gateway-model-name: closed\r\nx_gateway_model_name: open\r\n"
    head, body = _raw(edge.by_model, lines, BODY)
    assert b" 200 " in head
    assert json.loads(body)["backend"] in edge.endpoints
    fields = edge.backends.heads[-1]
    assert [value for name, value in fields if "model-name" in name and "base" not in name] == ["closed"]
    assert not any(name.startswith("x_") for name, _ in fields)
    head, body = _raw(edge.by_model, lines, b"{}")
    assert b" 400 " in head


def test_fields_in_trailers_select_nothing(edge: FaultyEdge) -> None:
    chunked = b"%x\r\n%s\r\n0\r\nx-gateway-destination-endpoint: 127.0.0.1:1\r\n\r\n" % (len(BODY), BODY)
    head = "Transfer-Encoding: chunked\r\nTrailer: x-gateway-destination-endpoint\r\n"
    found, _ = _raw(edge.address, head, chunked, length=False, host="closed.test")
    assert b" 200 " in found


def test_fields_in_http2_trailers_select_nothing_and_reach_no_backend(edge: FaultyEdge) -> None:
    before = edge.backends.requests
    encoder = hpack.Encoder()
    head = {":method": "POST", ":scheme": "http", ":path": "/v1/chat/completions", ":authority": "closed.test"}
    trailers = [("x-gateway-destination-endpoint", "127.0.0.1:1"), ("x-prefiller-host-port", "127.0.0.1:1")]
    with socket.create_connection(edge.address, 10) as sock:
        sock.sendall(
            frames.PREFACE
            + frames.settings({})
            + _frame(frames.HEADERS, frames.END_HEADERS, encoder.encode(list(head.items())))
            + _frame(frames.DATA, 0, BODY)
            + _frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, encoder.encode(trailers))
        )
        sock.settimeout(10)
        got = b""
        while b"sha256" not in got:
            more = sock.recv(65536)
            assert more, got
            got += more
    assert edge.backends.requests == before + 1
    assert not any("endpoint" in name or "prefiller" in name for name, _ in edge.backends.heads[-1])


@pytest.mark.parametrize("path", CLOSED_PATHS)
@pytest.mark.parametrize("fault", ["", "close at request_headers"])
def test_only_the_model_api_is_reached_with_a_picker_and_without(edge: FaultyEdge, path: str, fault: str) -> None:
    before = edge.backends.requests
    answer = send(edge.address, "open.test", path=path, headers={"x-fault": fault} if fault else {})
    assert answer.status in (400, 404)
    assert answer.json["error"]["code"] in ("path_not_served", "invalid_path")
    assert edge.backends.requests == before


def _frame(kind: int, flags: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + (1).to_bytes(4, "big") + payload


def _raw(
    address: tuple[str, int], lines: str, body: bytes, *, length: bool = True, host: str = "any.test"
) -> tuple[bytes, bytes]:
    framing = f"Content-Length: {len(body)}\r\n" if length else ""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\n{lines}{framing}Connection: close\r\n\r\n"
    with socket.create_connection(address, 10) as sock:
        sock.sendall(head.encode() + body)
        got = b""
        while more := sock.recv(65536):
            got += more
    found, _, rest = got.partition(b"\r\n\r\n")
    return found, rest
