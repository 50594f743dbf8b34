"""A request's body is kept for another attempt, and no longer than one can come."""

from __future__ import annotations

import asyncio
import json

import pytest

from modelyard.proxy.limits import ProxyLimits

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


async def hang(peer: Peer) -> None:
    await peer.request()


@pytest.mark.parametrize("pieces", [1, 3])
def test_bodies_above_the_budget_are_refused_until_others_are_let_go(pieces: int) -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def stream(peer: Peer) -> None:
            await peer.request()
            await go.wait()
            peer.send(SSE_HEAD + EVENT)

        limits = ProxyLimits(max_held_bodies=50_000)
        async with endpoint(stream) as good, yard(good.address, limits=limits) as gw:
            data = request_with("x" * 30_000)
            first = await gw.client()
            await send_in(pieces, first, data)
            await until(lambda: gw.plane.held_bodies > 30_000 and good.connections)
            second = await gw.client()
            await send_in(pieces, second, data)
            status, head, body = await second.response()
            assert (status, json.loads(body)["error"]["code"]) == (503, "overloaded")
            assert b"\r\nretry-after: 1\r\n" in head
            await until(lambda: [record.reason for record in gw.records] == ["overloaded"])
            go.set()
            await first.until(b"data: {}\n\n")
            assert not gw.plane.held_bodies
            third = await gw.client()
            await send_in(pieces, third, data)
            assert b"200" in await third.head()
            for client in (first, third):
                client.abort()

    run(test())


@pytest.mark.parametrize("whole", [True, False])
def test_a_client_that_leaves_gives_its_bytes_back(whole: bool) -> None:
    async def test() -> None:
        async with endpoint(hang) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(request_with("x" * 30_000)[: None if whole else -1000])
            await until(lambda: gw.plane.held_bodies > 29_000)
            client.abort()
            await until(lambda: not gw.plane.clients)
            assert not gw.plane.held_bodies

    run(test())


async def send_in(pieces: int, client: Peer, data: bytes) -> None:
    """Send ``data`` so that the body comes whole, or in several reads."""
    size = -(-len(data) // pieces)
    for at in range(0, len(data), size):
        client.send(data[at : at + size])
        await asyncio.sleep(0.02 if pieces > 1 else 0)
