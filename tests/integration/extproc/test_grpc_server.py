"""The gRPC server against grpcio, the reference client, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
import trustme
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelyard.extproc.grpc_limits import GrpcLimits
from modelyard.extproc.grpc_server import GrpcServer, OpenStream
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.health_service import OVERALL, READINESS, HealthService
from modelyard.http2 import frames
from modelyard.routing.listeners import Certificate
from modelyard.worker.certificates import HTTP_2, CertificateTable

pytestmark = pytest.mark.integration

METHOD = "/a.B/C"
CHUNK = 64 << 10
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


class Echo:
    """Answers each message with itself and ends when the client does; reads no faster than it is read."""

    cancelled = 0

    def __init__(self, stream: GrpcStream) -> None:
        self.stream = stream

    def on_message(self, message: bytes) -> None:
        if not self.stream.send(message):
            self.stream.pause_reading()

    def on_message_begun(self, size: int) -> None:
        pass

    def on_half_close(self) -> None:
        self.stream.finish()

    def on_cancelled(self) -> None:
        Echo.cancelled += 1

    def on_writable(self) -> None:
        self.stream.resume_reading()


def run(test: Callable[[], Any], seconds: float = 60) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test()

    Echo.cancelled = 0
    uvloop.run(bounded())


@contextlib.asynccontextmanager
async def serving(
    opener: OpenStream = Echo, limits: GrpcLimits | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[GrpcServer, str]]:
    server = GrpcServer(asyncio.get_running_loop(), limits)
    try:
        host, port = await server.listen("127.0.0.1", 0, {METHOD: opener}, tls=tls)
        yield server, f"{host}:{port}"
    finally:
        server.close()


def channel(target: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(target, options=OPTIONS)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - states of the server, which tells nobody
            await asyncio.sleep(0.01)


async def exchange(call: Any, *messages: bytes) -> list[bytes]:
    """One message after the other, each answered before the next."""
    answers: list[bytes] = []
    for message in messages:
        await call.write(message)
        answers.append(await call.read())
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK
    return answers


def test_messages_of_all_sizes_come_back() -> None:
    async def test() -> None:
        async with serving() as (server, target), channel(target) as client:
            sizes = (0, 1, 16_000, 16_384, 65_535, 100_000, 3_000_000, 5)
            messages = [bytes([size % 256]) * size for size in sizes]
            assert await exchange(client.stream_stream(METHOD)(), *messages) == messages
            assert server.open_streams == 0

    run(test)


def test_a_client_without_a_header_table() -> None:
    async def test() -> None:
        async with serving() as (_, target):
            options = [*OPTIONS, ("grpc.http2.hpack_table_size.decoder", 0)]
            async with grpc.aio.insecure_channel(target, options=options) as client:
                for _ in range(3):
                    assert await exchange(client.stream_stream(METHOD)(), b"a") == [b"a"]

    run(test)


def test_many_streams_at_a_time() -> None:
    async def test() -> None:
        async with serving() as (server, target), channel(target) as client:
            calls = [client.stream_stream(METHOD)() for _ in range(500)]
            for number, call in enumerate(calls):
                await call.write(b"%d" % number)
            answers = [await call.read() for call in calls]
            assert answers == [b"%d" % number for number in range(500)]
            assert server.open_streams == 500
            for call in calls:
                await call.done_writing()
            assert {await call.code() for call in calls} == {grpc.StatusCode.OK}
            assert server.open_streams == 0

    run(test)


def test_cancelled_streams_are_heard_of() -> None:
    async def test() -> None:
        async with serving() as (server, target), channel(target) as client:
            calls = [client.stream_stream(METHOD)() for _ in range(100)]
            for call in calls:
                await call.write(b"message")
                await call.read()
                call.cancel()
            await until(lambda: server.open_streams == 0)
            assert Echo.cancelled == 100
            assert await exchange(client.stream_stream(METHOD)(), b"still here") == [b"still here"]

    run(test)


HEADERS = frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x83\x86\x04\x06/a.B/C\x0f\x10\x10application/grpc")
"""A call of ``METHOD``, as its first stream."""


async def raw_call(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection by hand, with one call on it."""
    host, port = target.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1)
    wide = frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}) + frames.window_update(0, 2**31 - 1 - 65535)
    writer.write(frames.PREFACE + wide + HEADERS)
    return reader, writer


@pytest.mark.parametrize("end", ["abort", "close", "write_eof"])
def test_a_client_that_vanishes_is_heard_of(end: str) -> None:
    async def test() -> None:
        async with serving() as (server, target):
            _, writer = await raw_call(target)
            await until(lambda: server.open_streams == 1)
            getattr(writer.transport, end)()
            await until(lambda: server.open_connections == 0)
            assert (server.open_streams, Echo.cancelled) == (0, 1)
            writer.close()

    run(test)


class SpeaksAfterTheEnd(Echo):
    """Answers once the client has sent everything."""

    def __init__(self, stream: GrpcStream) -> None:
        super().__init__(stream)
        self.heard: list[bytes] = []

    def on_message(self, message: bytes) -> None:
        self.heard.append(message)

    def on_half_close(self) -> None:
        asyncio.get_running_loop().call_later(0.05, self.answer)

    def answer(self) -> None:
        for message in self.heard:
            self.stream.send(message)
        self.stream.send(b"end", last=True)


def test_a_half_closed_stream_is_answered() -> None:
    async def test() -> None:
        async with serving(SpeaksAfterTheEnd) as (_, target), channel(target) as client:
            call = client.stream_stream(METHOD)(iter([b"1", b"2"]))
            assert [message async for message in call] == [b"1", b"2", b"end"]
            assert await call.code() is grpc.StatusCode.OK

    run(test)


class EndsFirst(Echo):
    def on_message(self, message: bytes) -> None:
        self.stream.send(b"first")
        self.stream.finish(9, "enough: 100 % ü")


def test_the_server_may_end_first() -> None:
    async def test() -> None:
        async with serving(EndsFirst) as (server, target), channel(target) as client:
            call = client.stream_stream(METHOD)()
            await call.write(b"message")
            assert await call.read() == b"first"
            with pytest.raises(grpc.aio.AioRpcError):
                await call.read()
            assert await call.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert await call.details() == "enough: 100 % ü"
            await until(lambda: server.open_streams == 0)

    run(test)


def test_twenty_megabytes_in_chunks_leave_no_trace_in_memory() -> None:
    """Both ways at once; only what is under way is held."""

    async def test() -> None:
        async with serving() as (_, target), channel(target) as client:
            await many_chunks(client, 64)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await many_chunks(client, 20 * 16)
            await many_chunks(client, 20 * 16)
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10

    run(test)


async def many_chunks(client: grpc.aio.Channel, count: int) -> None:
    call = client.stream_stream(METHOD)()

    async def write() -> None:
        for number in range(count):
            await call.write(bytes([number % 256]) * CHUNK)
        await call.done_writing()

    writing = asyncio.create_task(write())
    for number in range(count):
        message = await call.read()
        assert (len(message), message[0], message[-1]) == (CHUNK, number % 256, number % 256)
    await writing
    assert await call.read() is grpc.aio.EOF


class Deaf(Echo):
    """Reads nothing until it is told to."""

    made: list[Deaf]

    def __init__(self, stream: GrpcStream) -> None:
        super().__init__(stream)
        stream.pause_reading()
        Deaf.made.append(self)
        self.heard = 0

    def on_message(self, message: bytes) -> None:
        self.heard += len(message)


def test_a_handler_that_pauses_holds_its_client_back() -> None:
    async def test() -> None:
        Deaf.made = []
        async with serving(Deaf) as (server, target), channel(target) as client:
            call = client.stream_stream(METHOD)()
            written = 0

            async def write() -> None:
                nonlocal written
                for _ in range(320):
                    await call.write(bytes(CHUNK))
                    written += 1
                await call.done_writing()

            writing = asyncio.create_task(write())
            await until(lambda: written > 0 and bool(Deaf.made))
            assert await settled(lambda: written) < 100
            assert Deaf.made[0].heard == 0
            Deaf.made[0].stream.resume_reading()
            await writing
            assert await call.code() is grpc.StatusCode.OK
            assert Deaf.made[0].heard == 320 * CHUNK
            assert server.open_streams == 0

    run(test)


async def settled(value: Callable[[], int]) -> int:
    """``value`` once it has not changed for a while."""
    last, same = value(), 0
    while same < 20:
        await asyncio.sleep(0.01)
        same = same + 1 if value() == last else 0
        last = value()
    return last


class Flood(Echo):
    """Sends 100 MB as fast as the client takes it."""

    sent = 0

    def on_message(self, message: bytes) -> None:
        Flood.sent = 0
        self.on_writable()

    def on_writable(self) -> None:
        while Flood.sent < 1600:
            Flood.sent += 1
            if not self.stream.send(bytes(CHUNK)):
                return
        self.stream.finish()


def test_a_client_that_does_not_read_holds_the_handler_back() -> None:
    async def test() -> None:
        async with serving(Flood) as (_, target), channel(target) as client:
            call = client.stream_stream(METHOD)()
            await call.write(b"go")
            await until(lambda: Flood.sent > 0)
            assert await settled(lambda: Flood.sent) < 800
            count = 0
            while (message := await call.read()) is not grpc.aio.EOF:
                count += len(message)
            assert count == 1600 * CHUNK

    run(test)


def test_a_socket_that_nobody_reads_holds_the_handler_back() -> None:
    """With windows wide open, so that only TCP is in the way."""

    async def test() -> None:
        async with serving(Flood, GrpcLimits(write_stall=1.0)) as (server, target):
            reader, writer = await raw_call(target)
            writer.write(frames.frame(frames.DATA, 0, 1, bytes(5)))
            await until(lambda: server.open_streams == 1 and Flood.sent > 0)
            assert await settled(lambda: Flood.sent) < 800
            await until(lambda: server.open_connections == 0)  # it took nothing for too long
            assert Echo.cancelled == 1
            writer.close()
            del reader

    run(test)


def test_deadlines() -> None:
    async def test() -> None:
        async with serving() as (server, target), channel(target) as client:
            await exchange(client.stream_stream(METHOD)(), b"connected")  # a deadline covers that as well
            call = client.stream_stream(METHOD)(timeout=2)
            await call.write(b"message")
            await call.read()
            with pytest.raises(grpc.aio.AioRpcError):
                await call.read()
            assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await until(lambda: server.open_streams == 0)
            assert Echo.cancelled == 1

    run(test)


def test_compressed_messages_are_refused() -> None:
    async def test() -> None:
        async with serving() as (_, target):
            options = [*OPTIONS, ("grpc.default_compression_algorithm", 2)]
            async with grpc.aio.insecure_channel(target, options=options) as client:
                call = client.stream_stream(METHOD)(iter([b"a" * 10_000]))
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    run(test)


def test_messages_above_the_limit_are_refused() -> None:
    async def test() -> None:
        async with serving(limits=GrpcLimits(max_message=1000)) as (_, target), channel(target) as client:
            call = client.stream_stream(METHOD)(iter([b"a" * 1001]))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    run(test)


def test_drain_lets_open_streams_finish_and_sends_new_ones_elsewhere() -> None:
    async def test() -> None:
        async with serving() as (old, target):
            host, port = target.split(":")
            async with channel(target) as client:
                open_call = client.stream_stream(METHOD)()
                await open_call.write(b"before")
                assert await open_call.read() == b"before"
                old.close_listeners()
                draining = asyncio.create_task(old.drain(20))
                new = GrpcServer(asyncio.get_running_loop())
                await new.listen(host, int(port), {METHOD: Echo})
                await until(lambda: old.open_connections == 1)
                for _ in range(20):
                    again = await exchange(client.stream_stream(METHOD)(wait_for_ready=True), b"after")
                    assert again == [b"after"]
                assert new.open_connections == 1
                assert await exchange(open_call, b"to its end") == [b"to its end"]
                await draining
                assert old.open_connections == 0
                assert Echo.cancelled == 0
                new.close()

    run(test)


def test_drain_fails_no_call_of_a_busy_client() -> None:
    """Calls are begun all the time while the server tells its client to go."""

    async def test() -> None:
        async with serving() as (old, target):
            host, port = target.split(":")
            new = GrpcServer(asyncio.get_running_loop())
            async with channel(target) as client:
                stop = False
                done = 0

                async def calls() -> None:
                    nonlocal done
                    while not stop:
                        call = client.stream_stream(METHOD)(wait_for_ready=True)
                        assert await exchange(call, b"a", b"b") == [b"a", b"b"]
                        done += 1

                workers = [asyncio.create_task(calls()) for _ in range(8)]
                await until(lambda: done > 100)
                old.close_listeners()
                await new.listen(host, int(port), {METHOD: Echo})
                await old.drain(20)
                before = done
                await until(lambda: done > before + 100)
                stop = True
                await asyncio.gather(*workers)
                assert (old.open_connections, Echo.cancelled) == (0, 0)
                new.close()

    run(test)


def test_drain_cuts_what_does_not_finish() -> None:
    async def test() -> None:
        async with serving() as (server, target), channel(target) as client:
            call = client.stream_stream(METHOD)()
            await call.write(b"message")
            await call.read()
            await server.drain(0.1)
            assert (server.open_streams, Echo.cancelled) == (0, 1)
            await until(lambda: server.open_connections == 0)

    run(test)


def test_who_speaks_after_the_end_of_a_drain_is_not_cut_off() -> None:
    """A reset might take away what he has not read yet."""

    async def test() -> None:
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with serving() as (server, target):
            host, port = target.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(frames.PREFACE + frames.settings({}))
            await until(lambda: server.open_connections == 1)
            await reader.read(1 << 16)
            draining = asyncio.create_task(server.drain(10))
            await reader.readuntil(b"drained?")
            writer.write(frames.frame(frames.PING, frames.ACK, 0, b"drained?"))
            assert len(await reader.read()) == 9 + 8  # the last GOAWAY, then no more
            writer.write(frames.frame(frames.PING, 0, 0, b"present?"))
            await draining
            assert await reader.read() == b""
            writer.close()
        assert faults == []

    run(test)


def test_connections_above_the_limit_are_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving(limits=GrpcLimits(max_connections=1)) as (server, target), channel(target) as client:
            await exchange(client.stream_stream(METHOD)(), b"a")
            host, port = target.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            assert await exchange(client.stream_stream(METHOD)(), b"b") == [b"b"]
            assert server.open_connections == 1
            assert "connections are refused" in caplog.text

    run(test)


def test_connections_that_say_nothing_are_cut() -> None:
    async def test() -> None:
        async with serving(limits=GrpcLimits(preface_timeout=0.1)) as (server, target):
            host, port = target.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(frames.PREFACE[:10])
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
            assert server.open_connections == 0
            writer.close()

    run(test)


def test_a_peer_that_is_gone_without_a_word_is_cut() -> None:
    async def test() -> None:
        limits = GrpcLimits(quiet=0.1, quiet_timeout=1.0)
        async with serving(limits=limits) as (server, target), channel(target) as client:
            call = client.stream_stream(METHOD)()
            await call.write(b"message")
            await call.read()
            _, writer = await raw_call(target)
            await until(lambda: server.open_streams == 2)
            await until(lambda: server.open_streams == 1)  # it answers no PING; grpcio does
            assert Echo.cancelled == 1
            assert await exchange(call, b"still here") == [b"still here"]
            writer.close()

    run(test)


def issued(authority: trustme.CA, name: str) -> Certificate:
    pair = authority.issue_cert(name)
    return Certificate(secret="", cert_pem=pair.cert_chain_pems[0].bytes(), key_pem=pair.private_key_pem.bytes())


def trusting(authority: trustme.CA, target: str, name: str) -> grpc.aio.Channel:
    options = [*OPTIONS, ("grpc.ssl_target_name_override", name)] if name else OPTIONS
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority.cert_pem.bytes()), options=options)


@pytest.mark.parametrize("name", ["picker.example", ""], ids=["asked for by name", "asked for by address"])
def test_tls_with_a_certificate_that_is_replaced(name: str) -> None:
    async def test() -> None:
        old, new = trustme.CA(), trustme.CA()
        table = CertificateTable(HTTP_2)
        table.serve(issued(old, name or "127.0.0.1"))
        big = bytes(500_000)
        async with serving(tls=table.base) as (server, target), trusting(old, target, name) as before:
            standing = before.stream_stream(METHOD)()
            await standing.write(b"a")
            assert await standing.read() == b"a"
            table.serve(issued(new, name or "127.0.0.1"))
            async with trusting(new, target, name) as after:
                assert await exchange(after.stream_stream(METHOD)(), b"b", big) == [b"b", big]
            assert await exchange(standing, big) == [big]
            async with trusting(old, target, name) as refused:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await refused.unary_unary(METHOD)(b"c", timeout=10)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            await server.drain(5)

    run(test)


def test_two_servers_on_one_port() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        one, other = GrpcServer(loop), GrpcServer(loop)
        host, port = await one.listen("127.0.0.1", 0, {METHOD: Echo}, reuse_port=True)
        assert await other.listen(host, port, {METHOD: Echo}, reuse_port=True) == (host, port)
        with pytest.raises(OSError, match="in use"):
            await GrpcServer(loop).listen(host, port, {METHOD: Echo})
        async with contextlib.AsyncExitStack() as stack:
            while not (one.open_connections and other.open_connections):
                client = await stack.enter_async_context(channel(f"{host}:{port}"))
                await exchange(client.stream_stream(METHOD)(), b"a")
        one.close()
        other.close()

    run(test)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6() -> None:
    async def test() -> None:
        server = GrpcServer(asyncio.get_running_loop())
        host, port = await server.listen("::1", 0, {METHOD: Echo})
        async with channel(f"[{host}]:{port}") as client:
            assert await exchange(client.stream_stream(METHOD)(), b"a") == [b"a"]
        server.close()

    run(test)


def test_health_with_its_own_client() -> None:
    async def test() -> None:
        health = HealthService()
        health.set(True, READINESS, OVERALL)
        server = GrpcServer(asyncio.get_running_loop())
        host, port = await server.listen("127.0.0.1", 0, health.services)
        async with channel(f"{host}:{port}") as client:
            stub = health_pb2_grpc.HealthStub(client)
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=READINESS))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Check(health_pb2.HealthCheckRequest(service="shoes"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert len((await stub.List(health_pb2.HealthListRequest())).statuses) == 3
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            health.set(False, OVERALL)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()
        server.close()

    run(test)
