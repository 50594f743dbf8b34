"""Clients that are slow, silent, gone, greedy or hostile."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import CHAT, CHAT_BODY, GET, OK, SSE_HEAD, Peer, answer_ok, endpoint, run, until, yard

pytestmark = pytest.mark.integration

POST_UPLOAD = b"POST /upload HTTP/1.1\r\nHost: a\r\n"


async def forever(peer: Peer) -> None:
    """An endpoint that streams without end."""
    await peer.request()
    peer.send(SSE_HEAD)
    while True:
        peer.send(b"b\r\ndata: {1}\n\n\r\n")
        await peer.writer.drain()
        await asyncio.sleep(0.002)


async def silent(peer: Peer) -> None:
    await peer.request()


async def half_a_body(peer: Peer) -> None:
    await peer.head()


@pytest.mark.parametrize("how", ["close", "abort", "half-close"])
@pytest.mark.parametrize(
    ("behave", "request_bytes", "begun"),
    [
        (silent, CHAT, False),
        (forever, CHAT, True),
        (half_a_body, POST_UPLOAD + b"Content-Length: 1000\r\n\r\nhalf", False),
    ],
)
def test_a_client_that_leaves_cancels_its_request(how: str, behave, request_bytes: bytes, begun: bool) -> None:  # type: ignore[no-untyped-def]
    async def test() -> None:
        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(request_bytes)
            if begun:
                await client.head()
            await until(lambda: server.connections)
            await until(lambda: gw.gateway.open_exchanges)
            if how == "half-close":
                client.writer.write_eof()
            elif how == "abort":
                client.abort()
            else:
                client.close()
            await until(lambda: server.lost)
            await gw.all_released()
            assert gw.records[0].reason == "client_gone"
            await until(lambda: not gw.plane.pool.open_connections())

    run(test())


def test_a_client_that_leaves_while_its_body_is_read() -> None:
    async def test() -> None:
        async with yard() as gw:
            client = await gw.client()
            client.send(CHAT[:-5])
            await until(lambda: gw.gateway.open_exchanges)
            client.close()
            await gw.all_released()
            await until(lambda: not gw.plane.clients)

    run(test())


def test_a_slow_head_is_408_and_others_are_served() -> None:
    async def test() -> None:
        limits = ProxyLimits(header_timeout=0.4)
        async with endpoint(answer_ok) as server, yard(server.address, limits=limits) as gw:
            slow = await gw.client()
            slow.send(b"GET / HTTP/1.1\r\n")
            trickling = await gw.client()

            async def trickle() -> None:
                for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1000:
                    trickling.send(bytes([byte]))
                    await asyncio.sleep(0.01)

            task = asyncio.create_task(trickle())
            for _ in range(10):
                assert (await gw.ask(GET))[0] == 200
            for client in (slow, trickling):
                status, head, body = await client.response()
                assert status == 408
                assert json.loads(body)["error"]["code"] == "request_timeout"
                assert b"\r\nconnection: close\r\n" in head
            task.cancel()

    run(test())


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/upload"])
def test_a_slow_body_is_408(path: bytes) -> None:
    async def test() -> None:
        async def behave(peer: Peer) -> None:
            await peer.head()

        limits = ProxyLimits(body_idle=0.3)
        async with endpoint(behave) as server, yard(server.address, limits=limits) as gw:
            client = await gw.client()
            client.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
            assert (await client.response())[0] == 408
            await until(lambda: gw.records)
            assert (gw.records[0].status, gw.records[0].reason) == (408, "request_timeout")

    run(test())


def test_a_trickled_body_is_408() -> None:
    async def test() -> None:
        limits = ProxyLimits(body_idle=0.4, body_min_rate=10_000)
        async with yard(limits=limits) as gw:
            client = await gw.client()
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n")

            async def trickle() -> None:
                while True:
                    client.send(b" ")
                    await asyncio.sleep(0.02)

            task = asyncio.create_task(trickle())
            assert (await client.response())[0] == 408
            task.cancel()

    run(test())


def test_an_idle_connection_is_closed_quietly() -> None:
    async def test() -> None:
        limits = ProxyLimits(keep_alive_idle=0.2)
        async with endpoint(answer_ok) as server, yard(server.address, limits=limits) as gw:
            fresh = await gw.client()
            used = await gw.client()
            used.send(GET)
            assert (await used.response())[0] == 200
            assert await fresh.rest() == b""
            assert await used.rest() == b""
            assert not gw.plane.clients

    run(test())


def test_a_client_that_takes_nothing_is_cut() -> None:
    async def test() -> None:
        limits = ProxyLimits(client_stall=0.3)
        async with endpoint(forever) as server, yard(server.address, limits=limits) as gw:
            client = await gw.client()
            client.writer.transport.pause_reading()
            client.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            server.behave = flood
            client.send(CHAT)
            await until(lambda: gw.records, 10)
            assert gw.records[0].reason == "client_gone"
            await until(lambda: server.lost)

    run(test())


async def flood(peer: Peer) -> None:
    """An endpoint that streams as fast as it is read."""
    await peer.request()
    peer.send(SSE_HEAD)
    while True:
        peer.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await peer.writer.drain()


def test_a_client_that_takes_little_by_little_is_not_cut() -> None:
    async def test() -> None:
        limits = ProxyLimits(client_stall=0.4, write_high_water=256 * 1024)
        async with endpoint(flood) as server, yard(server.address, limits=limits) as gw:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", gw.port))
            await loop.sock_sendall(sock, CHAT)
            await until(lambda: any(c.write_paused for c in gw.plane.clients))
            end = loop.time() + 1.5
            while loop.time() < end:
                assert await loop.sock_recv(sock, 1024)
                await asyncio.sleep(0.02)
            (ours,) = gw.plane.clients
            assert ours.write_paused
            assert not ours.transport.is_closing()
            sock.close()

    run(test())


def test_bodies_over_the_limit_are_413() -> None:
    async def test() -> None:
        limits = ProxyLimits(max_body=1000)
        async with endpoint(silent) as server, yard(server.address, limits=limits, body_limit=1000) as gw:
            big = b"x" * 5000
            for path in (b"/v1/chat/completions", b"/upload"):
                client = await gw.client()
                client.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + big)
                assert (await client.response())[0] == 413
                client = await gw.client()
                client.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                client.send(b"1388\r\n" + big + b"\r\n")
                assert (await client.response())[0] == 413

    run(test())


def test_a_413_reaches_a_client_that_goes_on_sending() -> None:
    async def test() -> None:
        async with yard(body_limit=1000) as gw:
            client = await gw.client()
            client.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000
            )
            assert (await client.response())[0] == 413

    run(test())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 300 + b"\r\n", 431),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /" + b"a" * 20_000, 414),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX: b", 400),
        (b"hello\r\n", 400),
    ],
)
def test_heads_that_can_never_be_accepted_are_refused_at_once(data: bytes, status: int) -> None:
    async def test() -> None:
        async with yard() as gw:
            client = await gw.client()
            client.send(data)
            answer, _, body = await client.response()
            assert answer == status
            assert json.loads(body)["error"]["message"]
            assert await client.rest() == b""
            assert gw.records[0].reason == "malformed_request"

    run(test())


def test_empty_lines_before_a_request_are_skipped() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"\r\n\r\n" + GET + b"\r\n" + GET)
            for _ in range(2):
                assert (await client.response())[0] == 200

    run(test())


def test_requests_sent_ahead_are_kept_within_bounds() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.request()
            await go.wait()
            peer.send(OK)
            await answer_ok(peer)

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            count = 40_000
            client.send(GET * count)
            await until(lambda: any(c.read_paused for c in gw.plane.clients))
            ours = next(iter(gw.plane.clients))
            assert len(ours._pending) < 1024 * 1024
            go.set()
            for _ in range(200):
                assert (await client.response())[0] == 200
            client.abort()

    run(test())


def test_answers_that_are_not_taken_stop_the_reading_of_requests() -> None:
    async def test() -> None:
        async with yard() as gw:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", gw.port))
            client = Peer(*await asyncio.open_connection(sock=sock))
            client.writer.transport.pause_reading()
            client.send(GET * 50_000)
            await until(lambda: any(c.write_paused and c.read_paused for c in gw.plane.clients))
            ours = next(iter(gw.plane.clients))
            assert ours.transport.get_write_buffer_size() < 1024 * 1024
            client.writer.transport.resume_reading()
            for _ in range(5000):
                assert (await client.response())[0] == 503
            client.abort()

    run(test())


def test_connections_above_the_cap_get_503() -> None:
    async def test() -> None:
        limits = ProxyLimits(max_connections=2)
        async with endpoint(answer_ok) as server, yard(server.address, limits=limits) as gw:
            first, second, third = [await gw.client() for _ in range(3)]
            status, head, _ = await third.response()
            assert status == 503
            assert b"\r\nretry-after: 1\r\n" in head
            first.send(GET)
            assert (await first.response())[0] == 200
            second.close()
            await until(lambda: len(gw.plane.clients) == 1)
            assert (await gw.ask(GET))[0] == 200

    run(test())


def test_connections_of_one_address_are_capped() -> None:
    async def test() -> None:
        async with (
            endpoint(answer_ok) as server,
            yard(server.address, limits=ProxyLimits(max_connections_per_address=1)) as gw,
        ):
            first, second = await gw.client(), await gw.client()
            assert (await second.response())[0] == 503
            first.close()
            await until(lambda: not gw.plane._by_address)
            assert (await gw.ask(GET))[0] == 200

    run(test())


def test_a_reader_of_one_byte_at_a_time_does_not_slow_others() -> None:
    async def test() -> None:
        body = b"x" * (8 << 20)

        async def large(peer: Peer) -> None:
            head, _ = await peer.request()
            if head.startswith(b"GET /large"):
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            else:
                peer.send(OK)
                await large(peer)

        async with endpoint(large) as server, yard(server.address) as gw:
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", gw.port))
            slow.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: any(c.write_paused for c in gw.plane.clients))
            for _ in range(200):
                assert slow.recv(1)
                assert (await gw.ask(GET))[0] == 200
            waiting = max(c.transport.get_write_buffer_size() for c in gw.plane.clients)
            assert waiting < 1024 * 1024
            slow.close()

    run(test())


def test_a_kept_connection_serves_many_kinds_of_requests() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(3):
                for request in (
                    GET,
                    CHAT,
                    POST_UPLOAD + b"Content-Length: 3\r\n\r\nabc",
                    POST_UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                    b"GET /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
                    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT_BODY), CHAT_BODY),
                ):
                    client.send(request)
                    status = (await client.response())[0]
                    assert status in (200, 400)

    run(test())
