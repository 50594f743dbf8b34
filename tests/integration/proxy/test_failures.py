"""Endpoints that refuse, reset, hang, lie or die: what the client gets, and that nothing leaks into other answers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelyard.exchange.exchange import Exchange
from modelyard.http1.message_heads import ResponseHead
from modelyard.proxy.limits import ProxyLimits

from .conftest import CHAT, GET, OK, SSE_HEAD, Peer, always, answer_ok, endpoint, once, run, until, yard

pytestmark = pytest.mark.integration


@contextmanager
def refusing() -> Iterator[str]:
    """An address that refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{sock.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """An address whose SYNs go unanswered: its accept queue is full."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            fillers.append(filler)
        yield f"127.0.0.1:{sock.getsockname()[1]}"
        for filler in fillers:
            filler.close()


async def reset(peer: Peer) -> None:
    await peer.request()
    peer.abort()


def error_code(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


@pytest.mark.parametrize(
    "request_bytes", [GET, CHAT, b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"]
)
def test_another_endpoint_is_tried_before_the_first_byte(request_bytes: bytes) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as good, endpoint(reset) as bad:
            with refusing() as refused:
                async with yard(bad.address, refused, good.address) as gw:
                    for _ in range(10):
                        assert (await gw.ask(request_bytes))[0] == 200
                        gw.gateway.suspects.clear()
                    assert max(record.attempts for record in gw.records) > 1

    run(test())


def test_a_streamed_body_is_sent_again_while_it_is_kept() -> None:
    async def test() -> None:
        bodies = []

        ready = asyncio.Event()

        async def half(peer: Peer) -> None:
            await peer.head()
            await peer.exactly(3)
            await ready.wait()
            peer.abort()

        async def whole(peer: Peer) -> None:
            bodies.append(await peer.request())
            peer.send(OK)

        async with endpoint(half) as bad, endpoint(whole) as good, yard(bad.address) as gw:
            client = await gw.client()
            client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            await until(lambda: bad.connections)
            gw.serve_by(bad.address, good.address)
            ready.set()
            await until(lambda: good.connections)
            client.send(b"5\r\nagain\r\n0\r\n\r\n")
            assert (await client.response())[0] == 200
            assert [body for _, body in bodies] == [b"helloagain"]

    run(test())


def test_a_large_streamed_body_is_not_sent_again() -> None:
    async def test() -> None:
        async def half(peer: Peer) -> None:
            await peer.head()
            await peer.exactly(100_000)
            peer.abort()

        async with endpoint(half) as bad, endpoint(half) as other, yard(bad.address, other.address) as gw:
            client = await gw.client()
            client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 502 ")
            assert b"\r\nconnection: close\r\n" in head
            assert len(bad.connections) + len(other.connections) == 1

    run(test())


BAD_ANSWERS = {
    "garbage": b"\x00\x01garbage\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "huge head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
    "unasked upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "endless interim": b"HTTP/1.1 102 Processing\r\n\r\n" * 100,
    "line break in a value": b"HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: c\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_that_cannot_be_believed_is_502(name: str) -> None:
    async def test() -> None:
        async with endpoint(always(BAD_ANSWERS[name])) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(GET)
            status, body = 0, b""
            while status in (0, 102):
                head, body = await client.request()
                status = int(head.split(b" ")[1])
            assert status == 502
            assert error_code(body) == "upstream_failed"
            assert b"set-cookie" not in head.lower()

    run(test())


def test_no_endpoint_answers() -> None:
    async def test() -> None:
        with refusing() as refused:
            async with yard(refused) as gw:
                status, _, body = await gw.ask(CHAT)
                assert (status, error_code(body)) == (502, "upstream_failed")

    run(test())


def test_half_a_head_is_no_answer() -> None:
    async def test() -> None:
        async with endpoint(once(b"HTTP/1.1 200 OK\r\nConte")) as server, yard(server.address) as gw:
            assert (await gw.ask(GET))[0] == 502

    run(test())


def test_an_endpoint_that_does_not_connect_is_504() -> None:
    async def test() -> None:
        with silent() as address:
            async with yard(address, connect_timeout=0.2) as gw:
                status, _, body = await gw.ask(GET)
                assert (status, error_code(body)) == (504, "upstream_timeout")
                await until(lambda: not gw.plane.pool.open_connections())

    run(test())


@pytest.mark.parametrize("path", [b"/request-timeout", b"/backend-timeout"])
def test_an_endpoint_that_hangs_is_504(path: bytes) -> None:
    async def hang(peer: Peer) -> None:
        await peer.request()

    async def test() -> None:
        async with endpoint(hang) as server, yard(server.address) as gw:
            status, _, body = await gw.ask(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (status, error_code(body)) == (504, "upstream_timeout")
            await until(lambda: server.lost)

    run(test())


@pytest.mark.parametrize("path", [b"/request-timeout", b"/backend-timeout"])
def test_a_timeout_ends_a_stream_visibly(path: bytes) -> None:
    async def drip(peer: Peer) -> None:
        await peer.request()
        peer.send(SSE_HEAD + b"5\r\nhello\r\n")

    async def test() -> None:
        async with endpoint(drip) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.head()
            rest = await client.rest()
            assert rest.startswith(b"5\r\nhello\r\n")
            assert not rest.endswith(b"0\r\n\r\n")
            await until(lambda: gw.records)
            assert gw.records[0].reason == "deadline"

    run(test())


def test_after_a_backend_timeout_another_endpoint_has_its_own_time() -> None:
    asked: list[Peer] = []

    async def behave(peer: Peer) -> None:
        await peer.request()
        asked.append(peer)
        if len(asked) > 1:
            await asyncio.sleep(0.1)
            peer.send(OK)

    async def test() -> None:
        async with endpoint(behave) as one, endpoint(behave) as other, yard(one.address, other.address) as gw:
            assert (await gw.ask(b"GET /backend-timeout HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 200
            assert (len(one.connections), len(other.connections)) == (1, 1)

    run(test())


def test_a_backend_timeout_counts_from_the_first_byte_sent() -> None:
    async def read(peer: Peer) -> None:
        await peer.head()

    async def test() -> None:
        async with endpoint(read) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"POST /backend-timeout HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
            status, _, body = await client.response()
            assert (status, error_code(body)) == (504, "upstream_timeout")

    run(test())


def test_a_stream_that_breaks_ends_with_an_error_event() -> None:
    async def die(peer: Peer) -> None:
        await peer.request()
        peer.send(SSE_HEAD + b'd\r\ndata: {"a":1\r\n')
        await asyncio.sleep(0.05)
        peer.abort()

    async def test() -> None:
        async with endpoint(die) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(CHAT)
            await client.head()
            rest = await client.rest()
            assert b"error" in rest
            assert b"[DONE]" not in rest
            assert not rest.endswith(b"0\r\n\r\n")
            await until(lambda: gw.records)
            assert gw.records[0].reason == "upstream_broken"

    run(test())


BREAKS = {
    "short length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
    "no last chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "broken chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
    "half a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhello",
}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_broken_answer_is_never_taken_for_whole(name: str, version: bytes) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        peer.send(BREAKS[name])
        await asyncio.sleep(0.05)
        peer.close()

    async def test() -> None:
        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"GET /x HTTP/" + version + b"\r\nHost: a\r\n\r\n")
            head = (await client.head()).lower()
            if b"chunked" in head:
                assert not (await client.rest()).endswith(b"0\r\n\r\n")
            elif b"content-length: 10" in head:
                assert len(await client.rest()) < 10
            else:
                with pytest.raises(ConnectionResetError):
                    await client.reader.read()
            await until(lambda: gw.records)
            assert gw.records[0].reason == "upstream_broken"

    run(test())


def test_a_kept_connection_that_was_closed_is_replaced_without_a_failure() -> None:
    async def test() -> None:
        async with endpoint(once(OK)) as server, yard(server.address) as gw:
            for _ in range(20):
                assert (await gw.ask(CHAT))[0] == 200
            assert {record.attempts for record in gw.records} == {1}

    run(test())


def test_a_kept_connection_that_dies_under_a_request_is_replaced_without_a_failure() -> None:
    async def test() -> None:
        async def second_dies(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            await peer.request()
            peer.abort()

        failures = []
        async with endpoint(second_dies) as server, yard(server.address) as gw:
            gw.gateway._on_failure = lambda *failure: failures.append(failure)
            client = await gw.client()
            for request in (GET, CHAT, GET, CHAT):
                client.send(request)
                assert (await client.response())[0] == 200
            assert {record.attempts for record in gw.records} == {1}
            assert not failures

    run(test())


def test_what_follows_an_answer_reaches_nobody() -> None:
    async def test() -> None:
        poison = OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"
        async with endpoint(always(poison)) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(5):
                client.send(GET)
                assert (await client.response())[2] == b"ok"
            assert len(server.connections) == 5

    run(test())


def test_bytes_on_an_idle_connection_close_it() -> None:
    async def test() -> None:
        async def late(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            await asyncio.sleep(0.05)
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")

        async with endpoint(late) as server, yard(server.address) as gw:
            assert (await gw.ask(GET))[2] == b"ok"
            await until(lambda: server.lost == 1)
            assert (await gw.ask(GET))[2] == b"ok"

    run(test())


def test_an_endpoint_that_stops_sending_is_given_up() -> None:
    async def stop(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")

    async def test() -> None:
        limits = ProxyLimits(upstream_stall=0.3)
        async with endpoint(stop) as server, yard(server.address, limits=limits) as gw:
            client = await gw.client()
            client.send(GET)
            await client.head()
            assert await client.rest() == b"hello"
            await until(lambda: server.lost)

    run(test())


def test_unused_connections_are_closed_in_time() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address, limits=ProxyLimits(upstream_idle=0.2)) as gw:
            assert (await gw.ask(GET))[0] == 200
            await until(lambda: server.lost)
            await until(lambda: not gw.plane.pool.open_connections())

    run(test())


def test_an_endpoint_gets_no_more_connections_than_it_may() -> None:
    async def test() -> None:
        async def slow(peer: Peer) -> None:
            while True:
                await peer.request()
                await asyncio.sleep(0.02)
                peer.send(OK)

        limits = ProxyLimits(upstream_max_connections=2)
        async with endpoint(slow) as server, yard(server.address, limits=limits) as gw:
            answers = await asyncio.gather(*(gw.ask(GET) for _ in range(20)))
            assert {status for status, _, _ in answers} == {200}
            assert len(server.connections) == 2

    run(test())


def test_a_bad_header_of_a_route_is_500(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Exchange.on_response_head

    def with_a_bad_header(self: Exchange, head: ResponseHead, now: float) -> ResponseHead:
        answer = original(self, head, now)
        answer.headers.append(("x-a", "b\r\nc: d"))
        return answer

    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            monkeypatch.setattr(Exchange, "on_response_head", with_a_bad_header)
            client = await gw.client()
            client.send(GET)
            status, head, _ = await client.response()
            assert status == 500
            assert b"c: d" not in head

    run(test())


def test_a_failing_exchange_is_500_and_does_not_end_the_worker() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            original = gw.gateway.open

            def fail(*_: object) -> None:
                raise RuntimeError("on purpose")

            gw.gateway.open = fail  # type: ignore[method-assign,assignment]
            status, _, body = await gw.ask(GET)
            assert (status, error_code(body)) == (500, "internal_error")
            gw.gateway.open = original  # type: ignore[method-assign]
            assert (await gw.ask(GET))[0] == 200

    run(test())
