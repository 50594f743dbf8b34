"""One request in, at most one out: nothing that two readers could read differently passes the gateway."""

from __future__ import annotations

import pytest

from .conftest import Peer, answer_ok, endpoint, run, yard

pytestmark = pytest.mark.integration

SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

HOSTILE = {
    "CL and TE": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "TE and CL": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n0\r\n\r\n" + SECOND,
    "two CL": POST + b"Content-Length: 0\r\nContent-Length: 34\r\n\r\n" + SECOND,
    "two equal CL": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + SECOND,
    "CL list": POST + b"Content-Length: 0, 34\r\n\r\n" + SECOND,
    "CL with sign": POST + b"Content-Length: +34\r\n\r\n" + SECOND,
    "CL with space": POST + b"Content-Length : 34\r\n\r\n" + SECOND,
    "TE twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SECOND,
    "TE hidden": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
    "TE folded": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "TE after a bare LF": POST + b"X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "TE after a bare CR": POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "NUL": POST + b"X: a\0b\r\n\r\n" + SECOND,
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + SECOND,
    "Host with user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" + SECOND,
    "chunk size with prefix": CHUNKED + b"0x0\r\n\r\n" + SECOND,
    "chunk size with sign": CHUNKED + b"+0\r\n\r\n" + SECOND,
    "chunk line with LF": CHUNKED + b"0\n\r\n" + SECOND,
    "chunk end with LF": CHUNKED + b"1\r\na\n0\r\n\r\n" + SECOND,
    "LF in a chunk extension": CHUNKED + b"1;\nxx\r\na\r\n0\r\n\r\n" + SECOND,
    "chunk longer than its size": CHUNKED + b"1\r\nab\r\n0\r\n\r\n" + SECOND,
    "huge chunk size": CHUNKED + b"fffffffffffffffff\r\na\r\n0\r\n\r\n" + SECOND,
    "trailer with LF": CHUNKED + b"0\r\nA: b\n\r\n" + SECOND,
    "upgrade to h2c with a body": POST
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nContent-Length: +5\r\n\r\n"
    + SECOND,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_and_nothing_gets_through(name: str) -> None:
    async def test() -> None:
        seen: list[bytes] = []

        async def behave(peer: Peer) -> None:
            while True:
                head, _ = await peer.request()
                seen.append(head)
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        async with endpoint(behave) as server, yard(server.address) as gw:
            client = await gw.client()
            client.send(HOSTILE[name])
            status, head, _ = await client.response()
            assert status == 400
            assert b"\r\nconnection: close\r\n" in head
            assert await client.rest() == b""
            assert not any(b"smuggled" in head for head in seen)

    run(test())


def test_an_h2c_upgrade_is_not_passed_on() -> None:
    async def test() -> None:
        seen: list[bytes] = []

        async def behave(peer: Peer) -> None:
            head, _ = await peer.request()
            seen.append(head.lower())
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")

        async with endpoint(behave) as server, yard(server.address) as gw:
            status, _, _ = await gw.ask(
                b"GET / HTTP/1.1\r\nHost: a\r\n"
                b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n"
            )
            assert status == 502
            assert b"upgrade" not in seen[0]
            assert b"http2-settings" not in seen[0]

    run(test())


def test_fields_that_connection_names_do_not_pass() -> None:
    async def test() -> None:
        seen: list[bytes] = []

        async def behave(peer: Peer) -> None:
            while True:
                head, _ = await peer.request()
                seen.append(head.lower())
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        async with endpoint(behave) as server, yard(server.address) as gw:
            await gw.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-One\r\nX-One: 1\r\nX-Two: 2\r\n\r\n")
            assert b"x-one" not in seen[0]
            assert b"\r\nx-two: 2\r\n" in seen[0]

    run(test())


def test_an_answer_serves_one_request_only() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            clients = [await gw.client() for _ in range(20)]
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert [(await client.response())[2] for client in clients] == [b"ok"] * 20

    run(test())
