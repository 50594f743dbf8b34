"""The body-based router over real gRPC."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
import uvloop
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from ext_proc_yard import BUFFERED, FULL_DUPLEX, POST, Yard, http_headers, set_headers

from modelyard.extproc import request_side
from modelyard.extproc.body_based_router import BodyBasedRouter
from modelyard.extproc.grpc_server import GrpcServer
from modelyard.extproc.processor import PROCESS

pytestmark = pytest.mark.integration

ROUTER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: gemma, labels: {inference.networking.k8s.io/bbr-managed: "true"}}
data: {baseModel: gemma, adapters: "- food"}
"""
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def answers_to(messages: list[pb.ProcessingRequest]) -> list[pb.ProcessingResponse]:
    """Everything is said at once, then the stream is closed."""

    async def talk() -> list[pb.ProcessingResponse]:
        loop = asyncio.get_running_loop()
        router = BodyBasedRouter(Yard(ROUTER).gateway, lambda record: None, loop.time, loop.call_later)
        server = GrpcServer(loop)
        host, port = await server.listen("127.0.0.1", 0, {PROCESS: router.open})
        try:
            async with asyncio.timeout(20), grpc.aio.insecure_channel(f"{host}:{port}", options=OPTIONS) as channel:
                call = pb_grpc.ExternalProcessorStub(channel).Process(iter(messages))
                answers = [answer async for answer in call]
                assert await call.code() == grpc.StatusCode.OK
                assert router.held_bodies == 0
                return answers
        finally:
            server.close()

    return uvloop.run(talk())


def body_messages(body: bytes) -> list[pb.ProcessingRequest]:
    size = 65_536
    return [
        pb.ProcessingRequest(request_body=pb.HttpBody(body=body[at : at + size], end_of_stream=at + size >= len(body)))
        for at in range(0, len(body), size)
    ]


@pytest.mark.parametrize("config", [FULL_DUPLEX, None], ids=["said", "unsaid"])
@pytest.mark.parametrize("size", [10, 300_000])
def test_full_duplex(config: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_side, "SILENCE", 5.0)  # within which the body follows on its head
    body = json.dumps({"prompt": "x" * size, "model": "food"}).encode()
    head = pb.ProcessingRequest(request_headers=http_headers(POST), protocol_config=config)
    first, *rest = answers_to([head, *body_messages(body)])
    fields = set_headers(first.request_headers.response.header_mutation)
    assert fields["x-gateway-model-name"] == "food"
    assert fields["x-gateway-base-model-name"] == "gemma"
    assert first.request_headers.response.clear_route_cache
    pieces = [answer.request_body.response.body_mutation.streamed_response for answer in rest]
    assert b"".join(piece.body for piece in pieces) == body
    assert [piece.end_of_stream for piece in pieces] == [False] * (len(pieces) - 1) + [True]


@pytest.mark.parametrize("body", [b'{"model": "food"}', b"no json", b'{"model": [4]}'])
def test_buffered(body: bytes) -> None:
    lines = [*POST, ("x-gateway-model-name", "forged")]
    head = pb.ProcessingRequest(request_headers=http_headers(lines), protocol_config=BUFFERED)
    first, second = answers_to([head, *body_messages(body)])
    assert first == pb.ProcessingResponse(request_headers=pb.HeadersResponse(response=pb.CommonResponse()))
    mutation = second.request_body.response.header_mutation
    assert set_headers(mutation).get("x-gateway-model-name") == ("food" if b"food" in body else None)
    assert list(mutation.remove_headers) == ([] if b"food" in body else ["x-gateway-model-name"])
    assert not second.request_body.response.HasField("body_mutation")
