"""Hostile HTTP/2 clients beside an honest one: it is served as before, and they leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Callable, Iterator

import grpc
import hpack
import pytest
import uvloop

from modelyard.extproc.grpc_limits import GrpcLimits
from modelyard.extproc.grpc_server import GrpcServer
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.http2 import frames
from modelyard.http2.frames import frame

pytestmark = pytest.mark.integration

METHOD = "/a.B/C"
FIELDS = [(":method", "POST"), (":scheme", "http"), (":path", METHOD), ("content-type", "application/grpc")]
GREETING = frames.PREFACE + frames.settings({})
WIDE = frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}) + frames.window_update(0, 2**31 - 1 - 65535)
MOST = 40_000
"""Pieces after which an attacker that is not cut gives up."""


class Doubles:
    """Answers every message with 100 kB: what an attacker would like to be sent."""

    open = 0

    def __init__(self, stream: GrpcStream) -> None:
        self.stream = stream
        Doubles.open += 1

    def on_message_begun(self, size: int) -> None:
        pass

    def on_message(self, message: bytes) -> None:
        if not self.stream.send(message or bytes(100_000)):
            self.stream.pause_reading()

    def on_half_close(self) -> None:
        Doubles.open -= 1
        self.stream.finish()

    def on_cancelled(self) -> None:
        Doubles.open -= 1

    def on_writable(self) -> None:
        self.stream.resume_reading()


def headers(encoder: hpack.Encoder, stream: int) -> bytes:
    return frame(frames.HEADERS, frames.END_HEADERS, stream, encoder.encode(FIELDS))


def rapid_reset() -> Iterator[bytes]:
    encoder = hpack.Encoder()
    for number in range(1, 2 * MOST, 2):
        yield headers(encoder, number) + frames.reset(number, frames.CANCEL)


def made_to_reset() -> Iterator[bytes]:
    encoder = hpack.Encoder()
    for number in range(1, 2 * MOST, 2):
        yield headers(encoder, number) + frames.window_update(number, 0)


def pings() -> Iterator[bytes]:
    for _ in range(MOST):
        yield frame(frames.PING, 0, 0, bytes(8)) * 10


def settings() -> Iterator[bytes]:
    for number in range(MOST):
        yield frames.settings({frames.INITIAL_WINDOW_SIZE: number})


def continuations() -> Iterator[bytes]:
    yield frame(frames.HEADERS, 0, 1, b"")
    for _ in range(MOST):
        yield frame(frames.CONTINUATION, 0, 1, b"")


def header_bomb() -> Iterator[bytes]:
    value = b"\x40\x01a\x7f\xb9\x16" + bytes([118]) * 3000
    for number in range(1, 2 * MOST, 2):
        yield frame(frames.HEADERS, frames.END_HEADERS, number, value + b"\xbe" * 10_000)


def empty_data() -> Iterator[bytes]:
    yield headers(hpack.Encoder(), 1)
    for _ in range(MOST):
        yield frame(frames.DATA, 0, 1) * 10


def window_drips() -> Iterator[bytes]:
    """Asks for much, then takes it byte by byte."""
    yield frames.settings({frames.INITIAL_WINDOW_SIZE: 0}) + headers(hpack.Encoder(), 1)
    yield frame(frames.DATA, 0, 1, bytes(5))
    for _ in range(MOST):
        yield frames.window_update(1, 1) * 10


def messages_that_never_end() -> Iterator[bytes]:
    encoder = hpack.Encoder()
    for number in range(1, 2 * MOST, 2):
        yield headers(encoder, number) + frame(frames.DATA, 0, number, b"\0\x03\xff\xff\xff" + bytes(60_000))


def beyond_the_window() -> Iterator[bytes]:
    yield headers(hpack.Encoder(), 1)
    for _ in range(MOST):
        yield frame(frames.DATA, 0, 1, bytes(5) * 20_000)


FLOODS = [
    rapid_reset,
    made_to_reset,
    pings,
    settings,
    continuations,
    header_bomb,
    empty_data,
    window_drips,
]


async def attack(target: str, flood: Iterator[bytes], *, read: bool) -> None:
    """Send until the server has had enough. ``read``: take what it says meanwhile."""
    host, port = target.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 16)
    reading = asyncio.create_task(swallow(reader)) if read else None
    try:
        writer.write(GREETING)
        for count, piece in enumerate(flood):
            writer.write(piece)
            await writer.drain()
            if count % 20 == 0:
                await asyncio.sleep(0)
            if reading is not None and reading.done():
                break
        await (reading or swallow(reader))
    except ConnectionError:
        pass
    finally:
        if reading is not None:
            reading.cancel()
        writer.transport.abort()


async def swallow(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(1 << 16):
            pass


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - states of the server, which tells nobody
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def honest(target: str) -> object:
    """A client whose calls all succeed as long as this is open."""
    async with grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as client:
        stop = False

        async def calls() -> int:
            done = 0
            while not stop or not done:
                call = client.stream_stream(METHOD)(iter([b"1", b"2"]))
                assert [message async for message in call] == [b"1", b"2"]
                done += 1
            return done

        calling = asyncio.create_task(calls())
        yield client
        stop = True
        assert await calling


def run(test: Callable[[GrpcServer, str], object], limits: GrpcLimits | None = None) -> None:
    async def bounded() -> None:
        Doubles.open = 0
        async with asyncio.timeout(60):
            server = GrpcServer(asyncio.get_running_loop(), limits)
            host, port = await server.listen("127.0.0.1", 0, {METHOD: Doubles})
            target = f"{host}:{port}"
            async with honest(target):
                await test(server, target)  # type: ignore[misc]
                await until(lambda: server.open_connections == 1)
            await until(lambda: server.open_streams == 0)
            assert Doubles.open == 0
            server.close()

    uvloop.run(bounded())


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
def test_floods_are_cut_and_the_honest_client_is_served(flood: Callable[[], Iterator[bytes]]) -> None:
    """It ends only when the server ends it."""

    async def test(server: GrpcServer, target: str) -> None:
        await attack(target, flood(), read=True)

    run(test)


def test_all_floods_at_once_from_clients_that_do_not_read() -> None:
    async def test(server: GrpcServer, target: str) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await asyncio.gather(*(attack(target, flood(), read=False) for flood in FLOODS))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10

    run(test)


@pytest.mark.parametrize("flood", [messages_that_never_end, beyond_the_window], ids=lambda flood: flood.__name__)
def test_what_is_kept_for_a_client_is_bounded(flood: Callable[[], Iterator[bytes]]) -> None:
    """Each message could be 64 MB; together they may keep 8 MB, or what a window lets in."""

    async def test(server: GrpcServer, target: str) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                await attack(target, flood(), read=True)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10

    run(test, GrpcLimits(max_kept=8 << 20))


def test_a_client_that_sends_byte_by_byte_is_understood() -> None:
    async def test(server: GrpcServer, target: str) -> None:
        host, port = target.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        call = headers(hpack.Encoder(), 1) + frame(frames.DATA, frames.END_STREAM, 1, b"\0\0\0\0\x02hi")
        for byte in GREETING + call:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await reader.readuntil(b"hi")
        writer.close()

    run(test)
