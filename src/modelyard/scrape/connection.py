"""One connection to an endpoint: a request out, a bounded answer in, and again while both sides keep it
open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

from modelyard.http1.chunked_coding import ChunkedDecoder, MalformedChunk
from modelyard.http1.message_heads import ResponseHead
from modelyard.http1.response_parsing import MalformedResponse, has_no_body, parse_response_head

MAX_HEAD = 65_536
"""Bytes of a response head."""


class Target(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    tls: bool = False


class Reply(NamedTuple):
    """How a request ended."""

    status: int = 0
    body: bytes = b""
    problem: str = ""
    """Why there is no complete answer, for people; empty: there is one."""
    silent: bool = False
    """Not a byte came back: refused, unreachable, or no answer in time."""


class Fetch:
    """One request under way. ``done`` is called exactly once."""

    __slots__ = ("done", "last", "limit", "on_expiry", "request", "retried", "target")

    def __init__(self, target: Target, request: bytes, limit: int, done: Callable[[Reply], None]) -> None:
        self.target = target
        self.request = request
        self.limit = limit
        self.done: Callable[[Reply], None] | None = done
        self.on_expiry: Callable[[], object] | None = None
        """Gives up whatever is going on; set by who works on it."""
        self.retried = False
        self.last = False
        """Nothing else will be asked of this host: its connection is not kept."""

    def finish(self, reply: Reply) -> None:
        """Report the end; later ends of the same request are not reported."""
        done, self.done, self.on_expiry = self.done, None, None
        if done is not None:
            done(reply)

    def expire(self, now: float) -> None:
        """Called when the deadline has passed; nothing happens when the request has ended."""
        if self.done is not None and self.on_expiry is not None:
            self.on_expiry()


class Owner(Protocol):
    """Who holds the connections."""

    def idle(self, connection: Connection) -> None:
        """The connection can take another request."""

    def gone(self, connection: Connection) -> None:
        """The connection is closed."""

    def retry(self, fetch: Fetch) -> None:
        """A kept connection was closed by the server before it answered: send the request on a new one."""


class Connection(asyncio.Protocol):
    """Reads strictly: what is not one well-formed answer ends the connection."""

    __slots__ = ("_body", "_decoder", "_fetch", "_head", "_owner", "_seen", "_served", "_size", "_transport")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._fetch: Fetch | None = None
        self._served = False
        self._reset()

    def _reset(self) -> None:
        self._head: ResponseHead | None = None
        self._decoder: ChunkedDecoder | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._seen = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, fetch: Fetch) -> None:
        """Start a request on a connection that is idle."""
        if self._transport is None:
            self._owner.retry(fetch)
            return
        self._reset()
        self._fetch = fetch
        fetch.on_expiry = self._expired
        self._transport.write(fetch.request)

    def close_after_answer(self) -> None:
        """Do not keep it once the request that is under way is answered."""
        if self._fetch is not None:
            self._fetch.last = True

    def close(self) -> None:
        """End it without reporting a request that is under way."""
        self._fetch = None
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        fetch = self._fetch
        if fetch is None:
            self.close()
            return
        self._seen = True
        try:
            self._read(fetch, data)
        except (MalformedResponse, MalformedChunk) as fault:
            self._fail(str(fault))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._owner.gone(self)
        fetch, head = self._fetch, self._head
        if fetch is None:
            return
        if head is not None and head.content_length is None and not head.chunked and exc is None:
            self._complete(fetch, head, extra=0)
        elif self._served and not self._seen and not fetch.retried:
            self._fetch = None
            self._owner.retry(fetch)
        else:
            self._fail(f"connection lost ({exc})" if exc else "connection closed before the answer was complete")

    def _read(self, fetch: Fetch, data: bytes) -> None:
        if self._head is None:
            data = self._read_head(fetch, data)
        head = self._head
        if head is None:
            return
        if self._decoder is not None:
            self._keep(fetch, self._decoder.feed(data))
            if self._decoder.done:
                self._complete(fetch, head, extra=len(self._decoder.rest))
        elif head.content_length is not None:
            extra = max(self._size + len(data) - head.content_length, 0)
            self._keep(fetch, data[: len(data) - extra] if extra else data)
            if self._size == head.content_length:
                self._complete(fetch, head, extra=extra)
        else:
            self._keep(fetch, data)

    def _read_head(self, fetch: Fetch, data: bytes) -> bytes:
        """What follows the head; the head stays None while it is not complete. Interim (1xx) heads are
        skipped."""
        if self._body:
            data = self._body.pop() + data
        while True:
            end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
            if end < 0:
                break
            head = parse_response_head(data[: end + 4])
            data = data[end + 4 :]
            if head.status >= 200:
                self._accept(fetch, head)
                return data
        if len(data) >= MAX_HEAD:
            raise MalformedResponse(f"The response head exceeds {MAX_HEAD} bytes.")
        self._body = [data]
        return b""

    def _accept(self, fetch: Fetch, head: ResponseHead) -> None:
        if has_no_body("GET", head.status):
            head.content_length, head.chunked = 0, False
        if head.content_length is not None and head.content_length > fetch.limit:
            raise MalformedResponse(f"The answer has {head.content_length} bytes; the limit is {fetch.limit}.")
        if head.by_name.get("content-encoding", "identity").lower() != "identity":
            raise MalformedResponse("The answer is compressed although that was not asked for.")
        self._head = head
        self._decoder = ChunkedDecoder() if head.chunked else None

    def _keep(self, fetch: Fetch, data: bytes) -> None:
        self._size += len(data)
        if self._size > fetch.limit:
            raise MalformedResponse(f"The answer exceeds {fetch.limit} bytes.")
        if data:
            self._body.append(data)

    def _complete(self, fetch: Fetch, head: ResponseHead, *, extra: int) -> None:
        """The answer is whole. A connection with bytes behind it (``extra``) is not used again."""
        self._fetch = None
        self._served = True
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        if not extra and not fetch.last and head.keep_alive and self._transport is not None:
            self._owner.idle(self)
        else:
            self.close()
        fetch.finish(Reply(status=head.status, body=body))

    def _fail(self, problem: str) -> None:
        fetch = self._fetch
        self.close()
        if fetch is not None:
            fetch.finish(Reply(problem=problem, silent=not self._seen))

    def _expired(self) -> None:
        self._fail("no complete answer in time" if self._seen else "no answer in time")
