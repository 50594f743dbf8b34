"""The model servers behind every peer: ``python -m benchmarks.backend --addresses 4``, one process for all of them.

Answers chat completions (JSON, or events at a fixed interval until the client goes or ``max_tokens`` is reached), and
what a gateway asks of vLLM: ``/health``, ``/v1/models``, ``/metrics``. Every byte is made once, at start. Prints one
line of JSON with its addresses when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from typing import cast

import uvloop

from benchmarks import answers
from benchmarks.processes import raise_file_limit

_TICK = 0.001
_END_OF_HEAD = b"\r\n\r\n"


class Pacer:
    """Sends every open stream its next event once per interval: one timer for all, streams spread over its ticks."""

    def __init__(self, interval: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._slots: list[set[Connection]] = [set() for _ in range(max(1, round(interval / _TICK)))]
        self._next = 0
        self._join = 0
        self._due = self._loop.time()
        self._tick()

    def add(self, stream: Connection) -> set[Connection]:
        """Begin to send to ``stream``, which leaves by discarding itself from the set it gets."""
        self._join = (self._join + 1) % len(self._slots)
        slot = self._slots[self._join]
        slot.add(stream)
        return slot

    def _tick(self) -> None:
        now = self._loop.time()
        while self._due <= now:
            self._due += _TICK
            slot = self._slots[self._next]
            self._next = (self._next + 1) % len(self._slots)
            for stream in list(slot):
                stream.send_event()
        self._loop.call_later(_TICK, self._tick)  # uvloop's timers count whole milliseconds; what is late is caught up


class Connection(asyncio.Protocol):
    """One connection of a peer."""

    __slots__ = ("_event", "_left", "_pacer", "_paused", "_pending", "_slot", "_transport", "_want")

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._transport: asyncio.Transport
        self._slot: set[Connection] | None = None
        self._pending = bytearray()
        self._want = 0
        """Bytes of the request under way, head and body; 0: not known yet."""
        self._left = 0
        self._event = answers.EVENT
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def data_received(self, data: bytes) -> None:
        if not self._want:
            whole = bytes(self._pending) + data if self._pending else data
            self._want = request_size(whole)
            if len(whole) == self._want:
                self._pending.clear()
                self._want = 0
                self._answer(whole)
                return
        self._pending += data
        if self._want and len(self._pending) >= self._want:
            request = bytes(self._pending)
            self._pending.clear()
            self._want = 0
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"POST"):
            if request.find(answers.WANTS_EVENTS, -answers.FIELDS_WITHIN) >= 0:
                self._stream(request)
            else:
                self._transport.write(answers.COMPLETION)
        else:
            self._transport.write(answers.to_get(request))

    def _stream(self, request: bytes) -> None:
        self._left = answers.number(request, answers.MAX_TOKENS, -1)
        self._event = answers.EVENT * answers.number(request, answers.CHOICES, 1)
        self._transport.write(answers.STREAM_HEAD)
        self._slot = self._pacer.add(self)

    def send_event(self) -> None:
        """Send the next event, unless the reader is behind."""
        if self._paused:
            return
        self._left -= 1
        if self._left:
            self._transport.write(self._event)
        else:
            self._transport.write(answers.STREAM_END)
            self._leave()

    def _leave(self) -> None:
        if self._slot is not None:
            self._slot.discard(self)
            self._slot = None


def request_size(data: bytes) -> int:
    """Bytes of head and body; 0: the head is not here yet."""
    end = data.find(_END_OF_HEAD) + 4
    if end < 4:
        return 0
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return end
    return end + int(head[at + 17 : head.find(b"\r\n", at + 17)])


def loopback_addresses(count: int) -> Iterator[str]:
    """``count`` addresses of their own in 127.9.0.0/16."""
    for number in range(count):
        yield f"127.9.{1 + number // 250}.{1 + number % 250}"


async def serve(count: int, interval: float) -> None:
    """Listen on ``count`` addresses, all on one port, until the process is ended."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(interval)
    port = 0
    listening = []
    for address in loopback_addresses(count):
        server = await loop.create_server(lambda: Connection(pacer), address, port, backlog=4096)
        port = server.sockets[0].getsockname()[1]
        listening.append(f"{address}:{port}")
    sys.stdout.write(json.dumps(listening) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--addresses", type=int, default=4)
    parser.add_argument("--interval", type=float, default=0.02, help="seconds between two events of a stream")
    options = parser.parse_args()
    raise_file_limit()
    uvloop.run(serve(options.addresses, options.interval))


if __name__ == "__main__":
    main()
