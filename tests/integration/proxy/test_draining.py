"""Stopping: idle connections leave, open answers finish, what outstays the deadline is cut."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import CHAT, GET, SSE_HEAD, Peer, answer_ok, endpoint, run, until, yard

pytestmark = pytest.mark.integration


def test_open_streams_finish_and_idle_connections_close() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.request()
            peer.send(SSE_HEAD + b"b\r\ndata: {1}\n\n\r\n")
            await go.wait()
            peer.send(b"b\r\ndata: {2}\n\n\r\n0\r\n\r\n")

        async with endpoint(behave) as server, yard(server.address) as gw:
            idle = await gw.client()
            client = await gw.client()
            client.send(CHAT)
            await client.head()
            drain = asyncio.create_task(gw.plane.drain(10))
            assert await idle.rest() == b""
            assert not drain.done()
            go.set()
            assert (await client.rest()).endswith(b"data: {2}\n\n\r\n0\r\n\r\n")
            await drain
            assert [record.reason for record in gw.records] == [""]

    run(test())


def test_answers_say_that_the_connection_closes() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(GET[:10])
            await until(lambda: any(c._pending for c in gw.plane.clients))
            drain = asyncio.create_task(gw.plane.drain(10))
            await asyncio.sleep(0)
            client.send(GET[10:])
            status, head, _ = await client.response()
            assert status == 200
            assert b"\r\nconnection: close\r\n" in head
            assert await client.rest() == b""
            await drain

    run(test())


def test_what_outstays_the_deadline_is_cut_visibly() -> None:
    async def test() -> None:
        async def behave(peer: Peer) -> None:
            await peer.request()
            peer.send(SSE_HEAD + b"b\r\ndata: {1}\n\n\r\n")

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(CHAT)
            await client.head()
            waiting = await gw.client()
            waiting.send(GET[:5])
            await gw.plane.drain(0.2)
            rest = await client.rest()
            assert not rest.endswith(b"0\r\n\r\n")
            assert await waiting.rest() == b""
            assert gw.records[0].reason == "shutdown"
            await until(lambda: server.lost)

    run(test())
