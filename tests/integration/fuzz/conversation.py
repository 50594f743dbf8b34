"""One connection's worth of requests: drawn by number, sent in pieces, judged by what comes back."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
from dataclasses import dataclass
from typing import cast

from .mutations import mutated
from .samples import HOST, sample

PROBE = b"GET /probe HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % HOST.encode()
"""Ends a conversation that both sides still understand: it is answered, then the connection is closed."""
QUIET_SECONDS = 0.3
"""After so long without a byte a conversation with mutations counts as one in which the gateway waits for more."""

_STATUS = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2}) [\t\x20-\x7e\x80-\xff]*")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t\x20-\x7e\x80-\xff]*")


@dataclass(slots=True)
class Script:
    """What is sent on one connection, the same for the same seed and number."""

    case: int
    data: bytes
    requests: int
    expected: list[tuple[str, int]] | None
    """Method and status of each answer where nothing was mutated; else None."""
    cuts: list[int]
    """Where the bytes are split into packets."""
    ending: str
    """``answered``: read to the end. ``closed``, ``reset``: the client leaves once all is sent."""


def script(seed: int, case: int) -> Script:
    rng = random.Random(seed * 1_000_000_007 + case)
    drawn = [sample(rng, case) for _ in range(rng.choice((1, 2, 3, 4)))]
    clean = rng.random() < 0.2
    expected = [(made.method, made.status) for made in drawn] + [("GET", 200)]
    wounded = rng.randrange(len(drawn))
    pieces = [
        mutated(rng, made, case) if not clean and (at == wounded or rng.random() < 0.2) else made.wire()
        for at, made in enumerate(drawn)
    ]
    data = b"".join(pieces) + PROBE
    ending = rng.choices(("answered", "closed", "reset"), (90, 5, 5))[0]
    if ending != "answered":
        data = data[: rng.randrange(len(data) + 1)]
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 0, 1, 2, 5))))
    return Script(case, data, len(drawn), expected if clean and ending == "answered" else None, cuts, ending)


class Answers(asyncio.Protocol):
    """The client's end of one conversation. ``over`` is done once the connection is, or has gone quiet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.data = b""
        self.closed = False
        self.gone = asyncio.Event()
        self.over: asyncio.Future[None] = loop.create_future()
        self._last = 0.0
        self._loop = loop
        self.transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._last = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.gone.set()
        self.settle()

    def settle(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def watch(self) -> None:
        """Settle when nothing has come for a while."""
        self._last = self._last or self._loop.time()
        left = self._last + QUIET_SECONDS - self._loop.time()
        if left <= 0:
            self.settle()
        elif not self.over.done():
            self._loop.call_later(max(left, 0.01), self.watch)

    def reset(self) -> None:
        """Leave with a TCP reset."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.closed:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class NoAnswer(AssertionError):
    """The gateway sent what is no HTTP."""


def read_answers(data: bytes, methods: list[str] | None = None) -> list[int]:
    """The statuses of all whole answers in ``data``; raises ``NoAnswer`` where it is no sequence of answers.

    ``methods`` tells of requests whose answers have no body; without it that is seen by what follows.
    """
    found: list[int] = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return found
        lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(lines[0])
        if status is None or not all(_FIELD.fullmatch(line) for line in lines[1:]):
            raise NoAnswer(head)
        code = int(status[1])
        method = methods[len(found)] if methods and len(found) < len(methods) else ""
        if code >= 200 or code == 101:
            found.append(code)
        if code == 101:
            return found  # what follows is a tunnel's
        bodiless = code < 200 or code in (204, 304) or method == "HEAD"
        body = None if bodiless else _body(lines, rest, known=bool(methods))
        if body is None and not bodiless:
            return found
        data = rest[body or 0 :]
    return found


def _body(lines: list[bytes], rest: bytes, *, known: bool) -> int | None:
    """Length of an answer's body on the wire; None: it is not here whole."""
    fields = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
    if not known and (not rest or rest.startswith(b"HTTP/1.1 ")):
        return 0
    if b"content-length" in fields:
        length = int(fields[b"content-length"])
        return length if len(rest) >= length else None
    if fields.get(b"transfer-encoding") != b"chunked":
        return len(rest)
    at = 0
    while (line := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:line], 16)
        at = line + 2 + size + 2
        if len(rest) < at:
            return None
        if rest[at - 2 : at] != b"\r\n":
            raise NoAnswer(rest[line : at + 20])
        if not size:
            return at
    return None
