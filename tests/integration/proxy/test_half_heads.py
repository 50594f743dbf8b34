"""Endpoints that begin to answer and never end their head."""

from __future__ import annotations

import asyncio

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import CHAT, GET, OK, Peer, answer_ok, endpoint, run, yard

pytestmark = pytest.mark.integration

LIMITS = ProxyLimits(upstream_stall=0.3)


async def half_a_head(peer: Peer) -> None:
    await peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\ncontent-le")
    await peer.reader.read()


def test_half_a_head_is_no_answer() -> None:
    async def test() -> None:
        async with endpoint(half_a_head) as server, yard(server.address, limits=LIMITS) as gw:
            for request in (GET, CHAT):
                status, _, body = await gw.ask(request)
                assert status == 504
                assert b"upstream_timeout" in body

    run(test())


def test_another_endpoint_is_tried_after_half_a_head() -> None:
    async def test() -> None:
        async with (
            endpoint(half_a_head) as half,
            endpoint(answer_ok) as whole,
            yard(half.address, whole.address, limits=LIMITS) as gw,
        ):
            for _ in range(6):
                assert (await gw.ask(CHAT))[0] == 200

    run(test())


def test_an_endpoint_that_says_nothing_may_think() -> None:
    """A long prompt takes long; what bounds it is the route's timeout. Interim answers are no beginning of the last."""

    async def thinks(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(4 * LIMITS.upstream_stall)
        peer.send(OK)

    async def test() -> None:
        async with endpoint(thinks) as server, yard(server.address, limits=LIMITS) as gw:
            assert (await gw.ask(GET.replace(b"HTTP/1.1", b"HTTP/1.0")))[0] == 200

    run(test())
