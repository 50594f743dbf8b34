"""WebSocket and its like: after a 101 bytes pass unread, both ways, until both ends are done."""

from __future__ import annotations

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import OK, Peer, endpoint, run, until, yard

pytestmark = pytest.mark.integration

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s\r\n\r\n"
)


async def echo(peer: Peer) -> None:
    head, _ = await peer.request()
    assert b"\r\nconnection: upgrade\r\n" in head.lower()
    assert b"\r\nupgrade: websocket\r\n" in head.lower()
    peer.send(SWITCHED + b"hello")
    while data := await peer.reader.read(65536):
        peer.send(data)
    peer.send(b"bye")
    peer.close()


def test_bytes_pass_both_ways_and_each_direction_ends_by_itself() -> None:
    async def test() -> None:
        async with endpoint(echo) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(UPGRADE + b"early")
            head = (await client.head()).lower()
            assert head.startswith(b"http/1.1 101 ")
            assert b"\r\nconnection: upgrade\r\n" in head
            assert b"\r\nupgrade: websocket\r\n" in head
            assert b"\r\nsec-websocket-accept: s\r\n" in head
            assert await client.exactly(10) == b"helloearly"
            big = b"x" * (4 << 20)
            client.send(big)
            assert await client.exactly(len(big)) == big
            client.writer.write_eof()
            assert await client.rest() == b"bye"
            await gw.all_released()
            assert gw.records[0].status == 101
            assert gw.records[0].request_bytes == len(big) + 5
            await until(lambda: not gw.plane.clients and not gw.plane.pool.open_connections())

    run(test())


def test_an_upgrade_that_is_refused_is_a_plain_answer() -> None:
    async def refuse(peer: Peer) -> None:
        while True:
            await peer.request()
            peer.send(OK)

    async def test() -> None:
        async with endpoint(refuse) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(2):
                client.send(UPGRADE)
                assert (await client.response())[0] == 200

    run(test())


@pytest.mark.parametrize("who", ["client", "endpoint"])
def test_a_reset_of_one_end_ends_the_other(who: str) -> None:
    async def test() -> None:
        async def hold(peer: Peer) -> None:
            await peer.request()
            peer.send(SWITCHED)
            await peer.reader.read(1)
            if who == "endpoint":
                peer.abort()

        async with endpoint(hold) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(UPGRADE)
            await client.head()
            if who == "client":
                client.abort()
                await until(lambda: server.lost)
            else:
                client.send(b"x")
                assert await client.rest() == b""
            await gw.all_released()

    run(test())


def test_a_silent_tunnel_is_closed() -> None:
    async def hold(peer: Peer) -> None:
        await peer.request()
        peer.send(SWITCHED)

    async def test() -> None:
        async with endpoint(hold) as server, yard(server.address, limits=ProxyLimits(tunnel_idle=0.2)) as gw:
            client = await gw.client()
            client.send(UPGRADE)
            await client.head()
            assert await client.rest() == b""
            await gw.all_released()

    run(test())


def test_bytes_beyond_what_is_kept_early_pass_once_the_tunnel_is_open() -> None:
    async def test() -> None:
        async with endpoint(echo) as server, yard(server.address, limits=ProxyLimits(max_pipelined=1000)) as gw:
            client = await gw.client()
            client.send(UPGRADE)
            await until(lambda: gw.gateway.open_exchanges)
            client.send(b"x" * 200_000)
            await client.head()
            assert await client.exactly(5 + 200_000) == b"hello" + b"x" * 200_000
            client.close()

    run(test())
