"""The endpoint picker over real gRPC: grpcio's client says what proxies say, and every answer is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import resource
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
import uvloop
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from ext_proc_yard import (
    BUFFERED,
    FULL_DUPLEX,
    GET,
    OK_SSE,
    POST,
    STREAMED,
    A,
    B,
    Yard,
    endpoint,
    http_headers,
    pick_of,
    subset,
)
from lawful_proxy import BUFFERED as BUFFERED_MODE
from lawful_proxy import FULL_DUPLEX as FULL_DUPLEX_MODE
from lawful_proxy import STREAMED as STREAMED_MODE

from modelyard.extproc import request_side
from modelyard.extproc.endpoint_picker import PROCESS, EndpointPicker
from modelyard.extproc.grpc_server import GrpcServer

pytestmark = pytest.mark.integration

ASK = b'{"model": "m", "prompt": "hello"}'
AS_IT_CAME = pb.ProcessingResponse(request_body=pb.BodyResponse(response=pb.CommonResponse()))
LONG_SILENCE = 5.0
"""Seconds within which the body follows on its head where a test is of no silence."""
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def run(test: Callable[[], Any], seconds: float = 60) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test()

    uvloop.run(bounded())


class Conversation:
    """One stream from the proxy's end."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def say(self, **fields: Any) -> None:
        await self.call.write(pb.ProcessingRequest(**fields))

    async def headers(self, *lines: tuple[str, str], end: bool = False, **fields: Any) -> None:
        await self.say(request_headers=http_headers(lines or POST, end), **fields)

    async def body(self, data: bytes, end: bool = True) -> None:
        await self.say(request_body=pb.HttpBody(body=data, end_of_stream=end))

    async def answer(self) -> pb.ProcessingResponse:
        answer = await self.call.read()
        assert isinstance(answer, pb.ProcessingResponse), f"the stream ended with {await self.call.code()}"
        return answer

    async def ended(self) -> grpc.StatusCode:
        with contextlib.suppress(grpc.aio.AioRpcError):
            assert await self.call.read() is grpc.aio.EOF
        code = await self.call.code()
        assert isinstance(code, grpc.StatusCode)
        return code


class Serving:
    """A picker on a port, and a channel to it."""

    def __init__(self, yard: Yard, server: GrpcServer, channel: grpc.aio.Channel) -> None:
        self.yard = yard
        self.server = server
        self._stub = pb_grpc.ExternalProcessorStub(channel)

    def stream(self, **options: Any) -> Conversation:
        return Conversation(self._stub.Process(**options))

    async def at_rest(self) -> None:
        for _ in range(1000):
            if not self.yard.gateway.open_exchanges:
                break
            await asyncio.sleep(0.01)
        self.yard.at_rest()


@contextlib.asynccontextmanager
async def serving(manifest: str | None = None) -> AsyncIterator[Serving]:
    yard = Yard() if manifest is None else Yard(manifest)
    loop = asyncio.get_running_loop()
    yard.picker = EndpointPicker(yard.gateway, yard.records.append, loop.time, loop.call_later)
    server = GrpcServer(loop)
    host, port = await server.listen("127.0.0.1", 0, {PROCESS: yard.picker.open})
    channel = grpc.aio.insecure_channel(f"{host}:{port}", options=OPTIONS)
    try:
        yield Serving(yard, server, channel)
    finally:
        await channel.close()
        server.close()


def test_a_request_and_its_answer() -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.headers(protocol_config=FULL_DUPLEX)
            await stream.body(ASK[:9], end=False)
            await stream.body(ASK[9:])
            picked = pick_of(await stream.answer())
            piece = (await stream.answer()).request_body.response.body_mutation.streamed_response
            assert (piece.body, piece.end_of_stream) == (ASK, True)
            await stream.say(response_headers=http_headers(OK_SSE))
            assert (await stream.answer()).HasField("response_headers")
            for event in (b"data: 1\n\n", b"data: 2\n\n"):
                await stream.say(response_body=pb.HttpBody(body=event))
                answer = await stream.answer()
                assert answer.response_body.response.body_mutation.streamed_response.body == event
            assert it.yard.in_flight() == {picked[0]: 1}
            await stream.say(response_body=pb.HttpBody(body=b"data: [DONE]\n\n", end_of_stream=True))
            await stream.answer()
            await stream.call.done_writing()
            assert await stream.ended() == grpc.StatusCode.OK
            await it.at_rest()

    run(test)


def test_everything_said_at_once_is_answered() -> None:
    async def test() -> None:
        async with serving() as it:
            messages = [
                pb.ProcessingRequest(request_headers=http_headers(POST)),
                pb.ProcessingRequest(request_body=pb.HttpBody(body=ASK, end_of_stream=True)),
            ]
            call = it._stub.Process(iter(messages))
            answers = [answer async for answer in call]
            assert [answer.WhichOneof("response") for answer in answers] == ["request_headers", "request_body"]
            await it.at_rest()

    run(test)


def test_a_proxy_that_shows_little_and_says_nothing_of_its_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pseudo header fields, values in the older field, the subset and a forced model beside them."""
    monkeypatch.setattr(request_side, "SILENCE", LONG_SILENCE)

    async def test() -> None:
        async with serving() as it:
            it.yard.fleet(endpoint(A, "m", "m-v2"), endpoint(B, "m", "m-v2"))
            head = pb.HttpHeaders()
            head.headers.headers.add(key="X-LLM-D-Model-Name-Rewrite", value="m-v2")
            stream = it.stream()
            await stream.say(request_headers=head)
            await stream.say(request_body=pb.HttpBody(body=ASK[:9]))
            rest = pb.HttpBody(body=ASK[9:], end_of_stream=True)
            await stream.say(request_body=rest, metadata_context=subset(B))
            assert pick_of(await stream.answer()) == [B]
            piece = (await stream.answer()).request_body.response.body_mutation.streamed_response
            assert json.loads(piece.body) == {"model": "m-v2", "prompt": "hello"}
            await stream.say(response_headers=pb.HttpHeaders())
            assert (await stream.answer()).HasField("response_headers")
            await stream.say(response_body=pb.HttpBody(body=b'{"model": "m-v2", "usage": {"prompt_tokens": 7}}'))
            await stream.say(response_body=pb.HttpBody(end_of_stream=True))
            body = b""
            while not body.endswith(b"}}"):
                body += (await stream.answer()).response_body.response.body_mutation.streamed_response.body
            assert json.loads(body)["model"] == "m"
            await stream.call.done_writing()
            await it.at_rest()
            (record,) = it.yard.records
            assert (record.status, record.input_tokens, record.reason) == (200, 7, "")

    run(test)


@pytest.mark.parametrize("end", [True, False])
def test_a_body_alone(end: bool) -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.body(ASK, end=end)
            answer = await stream.answer()
            assert pick_of(answer)[0] in it.yard.in_flight()
            assert answer.request_body.response.clear_route_cache
            stream.call.cancel()
            await it.at_rest()

    run(test)


def test_proxies_that_say_nothing_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sends bodies unasked; the next waits for an answer to its headers, and gets it."""
    monkeypatch.setattr("modelyard.extproc.request_side.LONG_SILENCE", 0.2)

    async def test() -> None:
        async with serving() as it:
            for waits in (False, True, False):
                stream = it.stream()
                await stream.headers()
                if waits:
                    pick_of(await stream.answer())
                await stream.body(ASK)
                answer = await stream.answer()
                if waits:
                    assert answer == AS_IT_CAME
                else:
                    pick_of(answer)
                stream.call.cancel()
            await it.at_rest()

    run(test)


@pytest.mark.parametrize(
    ("hint", "allowed"), [([A, B], {A, B}), (f"{A}, {B}", {A, B}), ([B], {B}), ([], set()), ("x:1", set())]
)
def test_subsets(hint: Any, allowed: set[str]) -> None:
    async def test() -> None:
        async with serving() as it:
            for end in (True, False):
                stream = it.stream()
                await stream.headers(*(GET if end else POST), end=end, metadata_context=subset(hint))
                if not end:
                    await stream.body(ASK)
                answer = await stream.answer()
                if allowed:
                    assert set(pick_of(answer)) == allowed
                else:
                    assert answer.immediate_response.status.code == 503
                    assert await stream.ended() == grpc.StatusCode.OK
                stream.call.cancel()
            await it.at_rest()

    run(test)


def test_a_proxy_that_waits_and_says_nothing_of_its_modes() -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.headers()
            pick_of(await stream.answer())
            await stream.body(ASK)
            assert await stream.answer() == AS_IT_CAME
            stream.call.cancel()
            await it.at_rest()

    run(test)


@pytest.mark.parametrize("body", [b"nonsense", b"{}", b'{"model": 1}'])
def test_a_bad_body_is_400(body: bytes) -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.headers(protocol_config=BUFFERED)
            await stream.answer()
            await stream.body(body)
            immediate = (await stream.answer()).immediate_response
            assert immediate.status.code == 400
            assert json.loads(immediate.body)["error"]["message"]
            assert await stream.ended() == grpc.StatusCode.OK
            await it.at_rest()

    run(test)


def test_the_wrong_order_ends_the_stream_with_an_error() -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.headers(protocol_config=STREAMED)
            await stream.answer()
            await stream.headers()
            assert await stream.ended() == grpc.StatusCode.INVALID_ARGUMENT
            await it.at_rest()

    run(test)


@pytest.mark.parametrize("steps", range(4))
def test_a_client_that_leaves(steps: int) -> None:
    async def test() -> None:
        async with serving() as it:
            streams = [it.stream() for _ in range(20)]
            for stream in streams:
                await stream.headers(protocol_config=FULL_DUPLEX)
                if steps > 0:
                    await stream.body(ASK)
                    await stream.answer()
                    await stream.answer()
                if steps > 1:
                    await stream.say(response_headers=http_headers(OK_SSE))
                    await stream.answer()
                if steps > 2:
                    await stream.say(response_body=pb.HttpBody(body=b"data: x\n\n"))
                    await stream.answer()
            assert sum(it.yard.in_flight().values()) == (20 if steps else 0)
            for stream in streams:
                stream.call.cancel()
            await it.at_rest()
            assert len(it.yard.records) == 20

    run(test)


def test_a_connection_that_breaks() -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.headers(protocol_config=FULL_DUPLEX)
            await stream.body(ASK)
            await stream.answer()
            it.server.close()
            await it.at_rest()

    run(test)


def test_a_drain_loses_no_answer() -> None:
    async def test() -> None:
        async with serving() as it:
            stream = it.stream()
            await stream.headers(protocol_config=FULL_DUPLEX)
            await stream.body(ASK[:5], end=False)
            it.server.close_listeners()
            draining = asyncio.create_task(it.server.drain(20))
            await asyncio.sleep(0)
            await stream.body(ASK[5:])
            pick_of(await stream.answer())
            assert (await stream.answer()).request_body.response.body_mutation.streamed_response.body == ASK
            await stream.call.done_writing()
            assert await stream.ended() == grpc.StatusCode.OK
            await draining
            await it.at_rest()

    run(test)


def test_twenty_megabytes_in_pieces_of_64_kib() -> None:
    """Memory beyond the body itself stays flat: what is sent waits here as one body, not as messages."""

    async def test() -> None:
        body = json.dumps({"model": "m", "prompt": random.Random(1).randbytes(10 << 20).hex()}).encode()
        async with serving() as it:

            async def ask() -> bytes:
                stream = it.stream()
                await stream.headers(protocol_config=FULL_DUPLEX)
                back, digest = 0, hashlib.sha256()

                async def send() -> None:
                    for at in range(0, len(body), 65_536):
                        await stream.body(body[at : at + 65_536], end=at + 65_536 >= len(body))

                sending = asyncio.create_task(send())
                pick_of(await stream.answer())
                while True:
                    piece = (await stream.answer()).request_body.response.body_mutation.streamed_response
                    assert len(piece.body) <= 62_000
                    digest.update(piece.body)
                    back += len(piece.body)
                    if piece.end_of_stream:
                        break
                await sending
                stream.call.cancel()
                assert back == len(body)
                return digest.digest()

            wanted = hashlib.sha256(body).digest()
            assert await ask() == wanted
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for _ in range(6):
                assert await ask() == wanted
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 40 * 1024, f"{grown} KiB"
            await it.at_rest()

    run(test, 110)


@pytest.mark.parametrize("mode", [FULL_DUPLEX_MODE, BUFFERED_MODE, STREAMED_MODE])
def test_many_streams_at_once(mode: int) -> None:
    async def test() -> None:
        config = pb.ProtocolConfiguration(request_body_mode=mode, response_body_mode=mode)

        async with serving() as it:
            it.yard.fleet(*(endpoint(f"10.1.0.{n}:8000") for n in range(1, 9)))

            async def one(number: int) -> None:
                stream = it.stream()
                body = json.dumps({"model": "m", "prompt": f"{number} " * number}).encode()
                await stream.headers(protocol_config=config)
                first = await stream.answer() if mode != FULL_DUPLEX_MODE else None
                await stream.body(body)
                second = await stream.answer()
                pick_of(first if first is not None and mode == STREAMED_MODE else second)
                if mode == FULL_DUPLEX_MODE:
                    piece = (await stream.answer()).request_body.response.body_mutation.streamed_response
                    assert piece.body == body
                await stream.say(response_headers=http_headers(OK_SSE, number % 3 == 0))
                await stream.answer()
                await stream.call.done_writing()
                assert await stream.ended() == grpc.StatusCode.OK

            await asyncio.gather(*(one(number) for number in range(200)))
            await it.at_rest()
            assert len(it.yard.records) == 200

    run(test)
