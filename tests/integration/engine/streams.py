"""Streaming requests as raw events, so that a test sees what a client library would hide."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

BOUND = 240.0


BEGINNING = 40
"""Events."""


@dataclass
class Stream:
    """One request and what came of it, also while it runs."""

    number: int
    asked: float = 0.0
    """Monotonic time."""
    status: int = 0
    """0: no answer has begun."""
    replica: str = ""
    body: bytes = b""
    ended: float = 0.0
    """0: it still runs."""
    fault: str = ""
    """What the HTTP client says: the answer was cut off, or the connection refused."""

    @property
    def started(self) -> bool:
        return bool(self.body)

    @property
    def open(self) -> bool:
        return self.started and not self.ended

    @property
    def just_begun(self) -> bool:
        """A good part of it is still to be generated, however far behind this client reads."""
        return self.open and self.body.count(b"data:") < BEGINNING

    @property
    def whole(self) -> bool:
        return self.status == 200 and not self.fault and self.body.rstrip().endswith(b"data: [DONE]")

    @property
    def visibly_broken(self) -> bool:
        return self.status == 200 and b'"error"' in self.body.rstrip().splitlines()[-1] and b"[DONE]" not in self.body

    @property
    def usage(self) -> dict[str, Any]:
        """Of a whole stream."""
        event = self.body.strip().split(b"\n\n")[-2]
        return dict(json.loads(event.removeprefix(b"data: "))["usage"])


@dataclass
class Load:
    """Streams from several clients at once; each client asks again as soon as it has its answer."""

    address: str
    model: str
    tokens: int
    streams: list[Stream] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def just_begun_at(self, replica: str) -> list[Stream]:
        """Streams of which something came from ``replica``, and most is to come."""
        return [one for one in self.streams if one.just_begun and one.replica == replica]

    @property
    def finished(self) -> int:
        return sum(1 for one in self.streams if one.ended)

    @property
    def refused(self) -> list[Stream]:
        """Requests that found nobody who takes them."""
        return [one for one in self.streams if one.ended and one.status in (0, 502, 503)]

    async def until_refused(self, clients: int) -> None:
        """Ask without a pause, so that streams are open whenever the end comes, on machines of any speed; each client
        stops once somebody was turned away."""
        await self.run(clients, more=lambda: not self.refused)

    async def run(self, clients: int, *, more: Callable[[], bool]) -> None:
        """Go on while ``more()``; every request that was begun is waited for."""
        timeout = aiohttp.ClientTimeout(total=BOUND)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            await asyncio.gather(*(self._client(session, more) for _ in range(clients)))

    async def _client(self, session: aiohttp.ClientSession, more: Callable[[], bool]) -> None:
        while more():
            stream = Stream(next(self._numbers), asked=time.monotonic())
            self.streams.append(stream)
            try:
                await self._ask(session, stream)
            except (aiohttp.ClientError, TimeoutError) as problem:
                stream.fault = repr(problem)
            stream.ended = time.monotonic()

    async def _ask(self, session: aiohttp.ClientSession, stream: Stream) -> None:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": f"Question {stream.number}: tell me a story"}],
            "max_tokens": self.tokens,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        async with session.post(f"{self.address}/v1/chat/completions", json=body) as answer:
            stream.status = answer.status
            stream.replica = answer.headers.get("x-modelyard-endpoint", "")
            async for piece in answer.content.iter_any():
                stream.body += piece


async def soon(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a state; fails with ``what`` where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]], seconds: float = BOUND) -> None:
    """A test's coroutine, with a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test()

    asyncio.run(bounded())
