"""Hostile and broken metrics over real sockets: the endpoint stays in traffic, its neighbours stay up to date."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
MB = 1024 * 1024


async def endless(writer: asyncio.StreamWriter) -> None:
    """100 MB in chunks."""
    writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(100):
        writer.write(b"100000\r\n" + b"x" * MB + b"\r\n")
        await writer.drain()


async def announced(writer: asyncio.StreamWriter) -> None:
    """100 MB with a length."""
    writer.write(HEAD + b"content-length: 104857600\r\n\r\n")
    for _ in range(100):
        writer.write(b"x" * MB)
        await writer.drain()


async def until_close(writer: asyncio.StreamWriter) -> None:
    """100 MB without a length."""
    writer.write(HEAD + b"\r\n")
    for _ in range(100):
        writer.write(b"x 1\n" * (MB // 4))
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then."""
    for byte in HEAD + b"content-length: 1000\r\n\r\n" + b"x" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD)
    await writer.drain()
    writer.transport.abort()


def answer(body: bytes) -> bytes:
    return HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


PAGES: dict[str, tuple[bytes | Callable[[asyncio.StreamWriter], Awaitable[None]], str]] = {
    "not a number": (answer(b"vllm:num_requests_waiting NaN\nvllm:num_requests_running +Inf\n"), "no metric of vllm"),
    "negative": (answer(b"vllm:num_requests_waiting -4\n"), "no metric of vllm"),
    "empty": (answer(b""), "no metric of vllm"),
    "html": (answer(b"<html><body>Sign in</body></html>"), "no metric of vllm"),
    "binary": (answer(bytes(range(256)) * 400), "no metric of vllm"),
    "no http": (b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n", "status line"),
    "compressed": (HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b", "compressed"),
    "redirect": (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "HTTP 302"),
    "not found": (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "HTTP 404"),
    "error": (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "HTTP 500"),
    "two lengths": (HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx", "more than one"),
    "100 MB in chunks": (endless, "exceeds"),
    "100 MB announced": (announced, "the limit is"),
    "100 MB until close": (until_close, "exceeds"),
    "slow drip": (drip, "no complete answer in time"),
    "reset": (reset, "connection"),
}


@pytest.mark.parametrize(("page", "problem"), PAGES.values(), ids=PAGES)
def test_a_bad_page_costs_its_reading_only(kit: Any, page: Any, problem: str) -> None:
    async def scenario() -> None:
        async with kit.serving() as bad, kit.serving() as good, kit.watching(bad.address, good.address) as watched:
            await watched.until(lambda state: state.ready and state.load is not None)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            bad.answers["/metrics"] = page
            state = await watched.until(lambda state: problem in state.metrics_error)
            asked = bad.asked["/metrics"]
            await kit.until(lambda: bad.asked["/metrics"] >= asked + 3)
            assert state.ready
            assert state.load is not None
            assert state.load.waiting == 2
            at = watched.state(1).load.at
            await watched.until(lambda state: state.load is not None and state.load.at > at, 1)
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
            bad.answers["/metrics"] = kit.ok(b"vllm:num_requests_waiting 7\n")
            await watched.until(lambda state: state.load.waiting == 7 and not state.metrics_error)

    kit.run(scenario)


@pytest.mark.parametrize(("page", "problem"), PAGES.values(), ids=PAGES)
def test_a_bad_answer_to_every_question_is_survived(kit: Any, page: Any, problem: str) -> None:
    """Whatever it is taken for, it stays in traffic as long as it accepts connections or says it is healthy."""

    async def scenario() -> None:
        async with kit.serving() as good, kit.serving({}) as bad:
            questions = ("/version", "/metrics", "/-/healthz", "/v1/models", "/v2", "/prometheus/metrics")
            bad.answers = dict.fromkeys(questions, page) | {"/health": kit.ok()}
            async with kit.watching(bad.address, good.address) as watched:
                await watched.until(lambda state: state.ready and state.load is not None, 1)
                state = await watched.until(lambda state: state.ready)
                assert state.models is None
                assert state.load is None

    kit.run(scenario)
