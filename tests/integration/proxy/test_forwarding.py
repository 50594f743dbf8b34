"""Requests and answers on their way through, in every framing that HTTP/1.1 and HTTP/1.0 have."""

from __future__ import annotations

import asyncio

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import CHAT, CHAT_BODY, GET, OK, SSE_HEAD, Peer, always, answer_ok, endpoint, once, run, until, yard

pytestmark = pytest.mark.integration


def test_a_request_and_its_answer() -> None:
    async def test() -> None:
        seen = []

        async def behave(peer: Peer) -> None:
            seen.append(await peer.request())
            peer.send(b"HTTP/1.1 201 Made\r\nX-A: b\r\ncontent-length: 5\r\n\r\nhello")

        async with endpoint(behave) as server, yard(server.address) as gw:
            status, head, body = await gw.ask(
                b"PUT /p?q HTTP/1.1\r\nHost: a\r\nX-Mine: 1\r\nContent-Length: 3\r\n\r\nabc"
            )
            assert (status, body) == (201, b"hello")
            assert head.startswith(b"HTTP/1.1 201 Made\r\n")
            assert b"\r\nx-a: b\r\n" in head
            assert b"connection" not in head.lower()
            request, sent = seen[0]
            assert request.startswith(b"PUT /p?q HTTP/1.1\r\n")
            assert b"\r\nx-mine: 1\r\n" in request
            assert sent == b"abc"
            await until(lambda: gw.records)
            record = gw.records[0]
            assert (record.status, record.request_bytes, record.response_bytes) == (201, 3, 5)

    run(test())


def test_connections_are_kept_on_both_sides() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(5):
                client.send(CHAT)
                assert (await client.response())[0] == 200
            assert len(server.connections) == 1
            assert len(gw.plane.clients) == 1

    run(test())


def test_a_head_and_body_in_single_bytes() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            for byte in CHAT:
                client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.response())[0] == 200

    run(test())


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/upload"])
def test_a_chunked_request(path: bytes) -> None:
    async def test() -> None:
        seen = []

        async def behave(peer: Peer) -> None:
            seen.append(await peer.request())
            peer.send(OK)

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for part in (CHAT_BODY[:10], CHAT_BODY[10:]):
                client.send(b"%x;ext=1\r\n%b\r\n" % (len(part), part))
                await asyncio.sleep(0.02)
            client.send(b"0\r\nX-Gateway-Destination-Endpoint: 1.2.3.4:5\r\n\r\n")
            assert (await client.response())[0] == 200
            head, body = seen[0]
            assert body == CHAT_BODY
            assert b"destination" not in head.lower()

    run(test())


ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
    "1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("slowly", [False, True])
def test_every_framing_of_an_answer(name: str, slowly: bool) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        for piece in [bytes([b]) for b in ANSWERS[name]] if slowly else [ANSWERS[name]]:
            peer.send(piece)
            await asyncio.sleep(0.001 if slowly else 0)
        peer.close()

    async def test() -> None:
        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(2):
                client.send(GET)
                status, _, body = await client.response()
                assert (status, body) == (200, b"hello")

    run(test())


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("keep_alive", [False, True])
def test_a_client_of_http_1_0(name: str, keep_alive: bool) -> None:
    async def test() -> None:
        async with endpoint(once(ANSWERS[name])) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"GET /x HTTP/1.0\r\n" + (b"Connection: keep-alive\r\n" if keep_alive else b"") + b"\r\n")
            head = (await client.head()).lower()
            assert b"chunked" not in head
            if keep_alive and name == "length":
                assert b"\r\nconnection: keep-alive\r\n" in head
                assert await client.exactly(5) == b"hello"
            else:
                assert b"\r\nconnection: close\r\n" in head
                assert await client.rest() == b"hello"

    run(test())


@pytest.mark.parametrize(
    ("request_line", "answer", "has_length"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", True),
        (b"HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", False),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", True),
    ],
)
def test_answers_without_body(request_line: bytes, answer: bytes, has_length: bool) -> None:
    async def test() -> None:
        async with endpoint(always(answer)) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(3):
                client.send(request_line + b" /x HTTP/1.1\r\nHost: a\r\n\r\n")
                head = await client.head()
                assert (b"content-length: 5" in head) is has_length
            assert len(server.connections) == 1

    run(test())


def test_a_head_answer_of_the_gateway_has_no_body() -> None:
    async def test() -> None:
        async with yard() as gw:
            client = await gw.client()
            client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
            for _ in range(2):
                assert (await client.head()).startswith(b"HTTP/1.1 503 ")

    run(test())


def test_interim_answers_go_to_clients_that_know_them() -> None:
    async def test() -> None:
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        async with endpoint(once(interim + OK)) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(GET)
            assert await client.head() == b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            assert (await client.response())[0] == 200
            old = await gw.client()
            old.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await old.head()).startswith(b"HTTP/1.1 200 ")

    run(test())


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/upload"])
def test_continue_is_sent_when_the_body_will_be_read(path: bytes) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(
                b"POST "
                + path
                + b" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(CHAT_BODY)
            )
            assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(CHAT_BODY)
            assert (await client.response())[0] == 200

    run(test())


def test_continue_is_not_sent_for_a_request_that_is_refused() -> None:
    async def test() -> None:
        async with yard() as gw:
            client = await gw.client()
            client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nconnection: close\r\n" in head

    run(test())


def test_trailers_go_to_clients_that_ask_for_them() -> None:
    async def test() -> None:
        answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n"
        async with endpoint(always(answer)) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
            await client.head()
            assert await client.until(b"\r\n\r\n") == b"2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n"
            client.send(GET)
            await client.head()
            assert await client.until(b"\r\n\r\n") == b"2\r\nhi\r\n0\r\n\r\n"

    run(test())


def test_events_arrive_as_they_are_sent() -> None:
    async def test() -> None:
        sent = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.request()
            peer.send(SSE_HEAD)
            for number in range(3):
                peer.send(b"b\r\ndata: {%d}\n\n\r\n" % number)
                await sent.wait()
                sent.clear()
            peer.send(b"0\r\n\r\n")

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(CHAT)
            await client.head()
            for number in range(3):
                assert await client.until(b"\n\n\r\n") == b"b\r\ndata: {%d}\n\n\r\n" % number
                sent.set()
            assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"

    run(test())


def test_pipelined_requests_are_answered_in_order() -> None:
    async def behave(peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            path = head.split(b" ")[1]
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path))

    async def test() -> None:
        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            paths = [b"/p%d" % number for number in range(300)]
            client.send(b"".join(b"POST " + p + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy" for p in paths))
            assert [(await client.response())[2] for _ in paths] == paths
            assert len(server.connections) == 1

    run(test())


def test_pipelined_requests_to_the_gateway_itself() -> None:
    async def test() -> None:
        async with yard() as gw:
            client = await gw.client()
            client.send(GET * 2000)
            for _ in range(2000):
                assert (await client.response())[0] == 503

    run(test())


def test_an_answer_may_come_before_the_request_is_whole() -> None:
    async def test() -> None:
        async def behave(peer: Peer) -> None:
            await peer.head()
            peer.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
            status, head, body = await client.response()
            assert (status, body) == (403, b"no")
            assert b"\r\nconnection: close\r\n" in head
            assert await client.rest() == b""
            await until(lambda: server.lost)

    run(test())


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_go_through_with_bounded_memory(chunked: bool) -> None:
    size = 24 * 1024 * 1024

    async def test() -> None:
        piece = b"x" * 65536
        received = 0

        async def behave(peer: Peer) -> None:
            nonlocal received
            await peer.head()
            tail = b""
            while received < size or (chunked and not tail.endswith(b"0\r\n\r\n")):
                data = await peer.reader.read(65536)
                assert data
                received += len(data)
                tail = (tail + data)[-5:]
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
            for _ in range(size // len(piece)):
                peer.send(piece)
                await peer.writer.drain()

        async with endpoint(behave) as server, yard(server.address, limits=ProxyLimits(max_body=size)) as gw:
            client = await gw.client()
            framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
            client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
            for _ in range(size // len(piece)):
                client.send(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
                await client.writer.drain()
            client.send(b"0\r\n\r\n" if chunked else b"")
            await client.head()
            assert len(await client.exactly(size)) == size
            await until(lambda: gw.records)
            assert (gw.records[0].request_bytes, gw.records[0].response_bytes) == (size, size)

    run(test(), 60)


def test_an_upload_waits_for_a_slow_endpoint() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.head()
            await go.wait()
            await peer.exactly(8 * 1024 * 1024)
            peer.send(OK)

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n")
            client.send(b"x" * 8 * 1024 * 1024)
            await until(lambda: any(c.read_paused and c.relay and c.relay.upstream for c in gw.plane.clients))
            relay = next(iter(gw.plane.clients)).relay
            assert relay is not None
            assert relay.upstream is not None
            assert relay.upstream.transport.get_write_buffer_size() < 1024 * 1024
            go.set()
            assert (await client.response())[0] == 200

    run(test())


def test_an_answer_waits_for_a_slow_client() -> None:
    async def test() -> None:
        async def behave(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (32 << 20) + b"x" * (32 << 20))

        async with endpoint(behave) as server, endpoint(answer_ok) as other, yard(server.address) as gw:
            slow = await gw.client()
            slow.writer.transport.pause_reading()
            slow.send(GET)
            await until(lambda: any(c.write_paused for c in gw.plane.clients))
            client = next(c for c in gw.plane.clients if c.write_paused)
            assert client.transport.get_write_buffer_size() < 1024 * 1024
            gw.serve_by(other.address)
            for _ in range(20):
                assert (await gw.ask(GET))[0] == 200
            slow.writer.transport.resume_reading()
            await slow.head()
            received = 0
            while received < 32 << 20:
                received += len(await slow.reader.read(1 << 20))

    run(test(), 40)


def test_a_body_that_says_more_than_it_has_is_not_the_next_request() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(
                b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            assert (await client.response())[0] == 200
            assert (await client.response())[0] == 200
            await until(lambda: len(gw.records) == 2)
            assert [(r.method, r.path) for r in gw.records] == [("POST", "/a"), ("GET", "/b")]

    run(test())


@pytest.mark.parametrize("date", [b"", b"Date: today\r\n"])
def test_an_answer_has_one_date(date: bytes) -> None:
    async def test() -> None:
        answer = b"HTTP/1.1 200 OK\r\n" + date + b"content-length: 2\r\n\r\nok"
        async with endpoint(always(answer)) as server, yard(server.address) as gw:
            _, head, _ = await gw.ask(GET)
            assert head.count(b"\r\ndate: ") == 1
            assert (b"\r\ndate: today\r\n" in head) is bool(date)

    run(test())


def test_an_answer_without_content_has_no_length() -> None:
    async def test() -> None:
        answer = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"
        async with endpoint(always(answer)) as server, yard(server.address) as gw:
            client = await gw.client()
            for _ in range(2):
                client.send(GET)
                assert b"content-length" not in await client.head()

    run(test())
