"""Streams whose engine dies between the head and the first token: nothing of them was seen, so nothing is lost."""

from __future__ import annotations

import asyncio
import time

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import CHAT, SSE_HEAD, Peer, endpoint, run, until, yard

pytestmark = pytest.mark.integration

EVENT = b'data: {"a":1}\n\n'
EVENTS = b"f\r\n" + EVENT + b"\r\n0\r\n\r\n"
STREAM = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


async def stream(peer: Peer) -> None:
    while True:
        await peer.request()
        peer.send(SSE_HEAD)
        await asyncio.sleep(0.02)
        peer.send(EVENTS)


async def die_after_the_head(peer: Peer) -> None:
    await peer.request()
    peer.send(SSE_HEAD)
    await asyncio.sleep(0.02)
    peer.abort()


async def silent_after_the_head(peer: Peer) -> None:
    await peer.request()
    peer.send(SSE_HEAD)


def test_a_stream_without_a_first_byte_is_asked_for_elsewhere() -> None:
    async def test() -> None:
        async with (
            endpoint(stream) as good,
            endpoint(die_after_the_head) as bad,
            yard(good.address, bad.address) as gw,
        ):
            while not bad.connections:
                status, _, body = await gw.ask(CHAT)
                assert (status, body) == (200, EVENT)
            await until(lambda: gw.records)
            assert gw.records[-1].attempts == 2
            assert gw.records[-1].endpoint == good.address
            assert gw.records[-1].reason == ""

    run(test())


def test_without_another_endpoint_it_is_a_plain_502() -> None:
    async def test() -> None:
        async with endpoint(die_after_the_head) as bad, yard(bad.address) as gw:
            assert (await gw.ask(CHAT))[0] == 502

    run(test())


def test_the_time_to_the_first_byte_is_that_of_the_first_event() -> None:
    held = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.request()
        peer.send(SSE_HEAD)
        await held.wait()
        peer.send(EVENTS)

    async def test() -> None:
        async with endpoint(slow) as server, yard(server.address) as gw:
            asking = asyncio.create_task(gw.ask(CHAT))
            await until(lambda: gw.gateway.open_exchanges and server.connections)
            await asyncio.sleep(0.01)
            released = time.monotonic()
            held.set()
            assert (await asking)[2] == EVENT
            await until(lambda: gw.records)
            assert gw.records[0].started + gw.records[0].time_to_first_byte >= released

    run(test())


def test_an_engine_that_stays_silent_is_given_up() -> None:
    async def test() -> None:
        limits = ProxyLimits(upstream_stall=0.3)
        async with endpoint(silent_after_the_head) as server, yard(server.address, limits=limits) as gw:
            assert (await gw.ask(CHAT))[0] == 504

    run(test())


def test_a_stream_that_is_no_model_answer_begins_with_its_head() -> None:
    """An event source may wait for its first event for ever; its client must see that the stream stands."""

    async def test() -> None:
        async with endpoint(silent_after_the_head) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(STREAM)
            assert b" 200 " in await client.head()
            client.close()

    run(test())
