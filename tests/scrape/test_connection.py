"""One connection, fed bytes: whole, byte by byte, and split at every offset."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.scrape.connection import MAX_HEAD, Connection, Fetch, Reply, Target


class Transport:
    """What a connection needs of a transport."""

    def __init__(self) -> None:
        self.sent = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def abort(self) -> None:
        self.aborted = True


class Owner:
    """Notes what a connection tells its owner."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def idle(self, connection: Connection) -> None:
        self.events.append("idle")

    def gone(self, connection: Connection) -> None:
        self.events.append("gone")

    def retry(self, fetch: Fetch) -> None:
        self.events.append("retry")


class Exchange:
    """A connection with a request under way."""

    def __init__(self, limit: int = 1000) -> None:
        self.replies: list[Reply] = []
        self.owner = Owner()
        self.transport = Transport()
        self.connection = Connection(self.owner)
        self.connection.connection_made(cast(asyncio.Transport, self.transport))
        self.send(limit)

    def send(self, limit: int = 1000) -> Fetch:
        self.fetch = Fetch(Target("h", 1), b"GET", limit, self.replies.append)
        self.connection.send(self.fetch)
        return self.fetch

    def feed(self, *pieces: bytes) -> list[Reply]:
        for piece in pieces:
            self.connection.data_received(piece)
        return self.replies

    def lost(self, error: Exception | None = None) -> list[Reply]:
        self.connection.connection_lost(error)
        return self.replies


LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + LENGTH
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
WHOLE = [(LENGTH, 200, b"hello"), (CHUNKED, 200, b"hello"), (INTERIM, 200, b"hello"), (EMPTY, 204, b"")]


@pytest.mark.parametrize(("answer", "status", "body"), WHOLE)
def test_every_split_gives_the_same_answer(answer: bytes, status: int, body: bytes) -> None:
    splits = [(answer[:at], answer[at:]) for at in range(len(answer) + 1)]
    for pieces in [(answer,), tuple(answer[i : i + 1] for i in range(len(answer))), *splits]:
        exchange = Exchange()
        assert exchange.feed(*(piece for piece in pieces if piece)) == [Reply(status, body)]
        assert exchange.owner.events == ["idle"]
        assert not exchange.transport.aborted


def test_a_connection_serves_again() -> None:
    exchange = Exchange()
    exchange.feed(LENGTH)
    exchange.send()
    assert exchange.feed(CHUNKED) == [Reply(200, b"hello"), Reply(200, b"hello")]


def test_a_body_until_close() -> None:
    exchange = Exchange()
    assert exchange.feed(b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo") == []
    assert exchange.lost() == [Reply(200, b"hello")]
    cut = Exchange()
    cut.feed(b"HTTP/1.0 200 OK\r\n\r\nhel")
    (reply,) = cut.lost(ConnectionResetError("reset"))
    assert "lost" in reply.problem


@pytest.mark.parametrize("close", [b"connection: close\r\n", b""])
def test_a_connection_that_ends_is_not_kept(close: bytes) -> None:
    version = b"1.1" if close else b"1.0"
    exchange = Exchange()
    head = b"HTTP/%b 200 OK\r\n%bcontent-length: 0\r\n\r\n" % (version, close)
    assert exchange.feed(head) == [Reply(200)]
    assert exchange.transport.aborted


def test_bytes_after_the_answer_end_the_connection_but_not_the_answer() -> None:
    for answer in (LENGTH, CHUNKED):
        exchange = Exchange()
        assert exchange.feed(answer + b"HTTP/1.1 200 OK\r\n") == [Reply(200, b"hello")]
        assert exchange.transport.aborted
        assert "idle" not in exchange.owner.events
    late = Exchange()
    late.feed(LENGTH)
    late.feed(b"unasked")
    assert late.transport.aborted


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD,
        b"\x00" * (MAX_HEAD + 1),
    ],
)
def test_what_is_no_bounded_answer_ends_it(answer: bytes) -> None:
    exchange = Exchange()
    (reply,) = exchange.feed(answer)
    assert reply.problem
    assert not reply.silent
    assert exchange.transport.aborted
    assert exchange.lost() == [reply]


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.booleans())
def test_any_bytes_end_in_at_most_one_reply(pieces: list[bytes], with_head: bool) -> None:
    exchange = Exchange()
    exchange.feed(*([b"HTTP/1.1 200 OK\r\n"] if with_head else []), *pieces)
    exchange.lost()
    assert len(exchange.replies) == 1


def test_silence_is_told_from_half_an_answer() -> None:
    silent, half = Exchange(), Exchange()
    half.feed(LENGTH[:20])
    for exchange in (silent, half):
        exchange.fetch.expire(1.0)
        exchange.fetch.expire(2.0)
        assert exchange.transport.aborted
        assert len(exchange.replies) == 1
    assert silent.replies[0].silent
    assert not half.replies[0].silent


def test_an_expiry_after_the_answer_does_nothing() -> None:
    exchange = Exchange()
    first = exchange.fetch
    exchange.feed(LENGTH)
    exchange.send()
    first.expire(9.0)
    assert not exchange.transport.aborted
    assert exchange.feed(LENGTH)[-1] == Reply(200, b"hello")


def test_a_kept_connection_that_the_server_had_closed_is_tried_anew_once() -> None:
    kept = Exchange()
    kept.feed(LENGTH)
    fetch = kept.send()
    kept.lost()
    assert kept.owner.events[-1] == "retry"
    fetch.retried = True
    again = Exchange()
    again.feed(LENGTH)
    again.connection.send(fetch)
    again.lost()
    assert kept.replies[-1].silent
    fresh = Exchange()
    (reply,) = fresh.lost()
    assert reply.silent
