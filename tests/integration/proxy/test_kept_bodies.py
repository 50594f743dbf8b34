"""A request's body is kept for another attempt, and no longer than one can come."""

from __future__ import annotations

import asyncio
import json

import pytest

from .conftest import SSE_HEAD, Peer, endpoint, run, until, yard

pytestmark = pytest.mark.integration

EVENT = b"a\r\ndata: {}\n\n\r\n"


def request_with(prompt: str) -> bytes:
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": prompt}]}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_a_long_prompt_is_let_go_when_its_stream_begins() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def stream(peer: Peer) -> None:
            await peer.request()
            peer.send(SSE_HEAD)
            await go.wait()
            peer.send(EVENT)

        async with endpoint(stream) as good, yard(good.address) as gw:
            client = await gw.client()
            client.send(request_with("x" * 200_000))
            await until(lambda: good.connections)
            relay = next(iter(gw.plane.clients)).relay
            assert relay is not None
            await until(lambda: relay.exchange.holds_head)
            assert len(relay.exchange.body) > 200_000
            go.set()
            await client.until(b"data: {}\n\n")
            assert not relay.exchange.body
            assert not relay.exchange.facts.prompt
            assert not relay._command.body
            client.abort()

    run(test())


def test_a_streamed_upload_is_let_go_when_its_answer_begins() -> None:
    async def test() -> None:
        async def stream(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

        async with endpoint(stream) as good, yard(good.address) as gw:
            client = await gw.client()
            client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000)
            await client.head()
            relay = next(iter(gw.plane.clients)).relay
            assert relay is not None
            assert relay._sent is None
            client.abort()

    run(test())
