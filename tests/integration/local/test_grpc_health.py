"""gRPC probes against gRPC's own server, and against what is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.local.grpc_health import health
from modelyard.local.probes import Grpc, Probe
from modelyard.local.probing import ask

grpc = pytest.importorskip("grpc")
pytestmark = pytest.mark.integration


@contextmanager
def serving(statuses: dict[bytes, int]) -> Iterator[int]:
    """A health service that knows these services (encoded requests) -> status; yields its port."""

    def check(request: bytes, context: grpc.ServicerContext) -> bytes:
        if request not in statuses:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return bytes([8, statuses[request]]) if statuses[request] else b""

    handler = grpc.unary_unary_rpc_method_handler(check)
    server = grpc.server(ThreadPoolExecutor(2))
    if statuses:
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})]
        )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def asked(port: int, service: str = "") -> str:
    return asyncio.run(asyncio.wait_for(health("127.0.0.1", port, service), 20))


def passed(port: int, service: str = "") -> tuple[bool, str]:
    probe = Probe(action=Grpc(host="127.0.0.1", port=port, service=service), timeout=20)
    return asyncio.run(ask(probe, env={}, directory=Path()))


def test_what_the_server_says_counts() -> None:
    long = "a.service." * 30
    with serving({b"": 1, b"\x0a\x04chat": 2, b"\x0a\x04code": 0, b"\x0a\xac\x02" + long.encode(): 1}) as port:
        assert asked(port) == "SERVING"
        assert asked(port, "chat") == "NOT_SERVING"
        assert asked(port, "code") == "UNKNOWN"
        assert asked(port, long) == "SERVING"
        assert passed(port) == (True, "the gRPC health service answered SERVING")
        assert passed(port, "chat") == (False, "the gRPC health service answered NOT_SERVING")
        assert passed(port, "other") == (False, "the gRPC server does not know service 'other'")


def test_a_server_without_the_service() -> None:
    with serving({}) as port:
        assert passed(port) == (False, "the gRPC server has no health service")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the answer is not gRPC"),
        (b"", "the server closed the connection instead of answering"),
        (b"\x00\x00\x04\x00\x00", "the server closed the connection instead of answering"),
    ],
)
def test_what_speaks_something_else(answer: bytes, problem: str) -> None:
    async def run() -> tuple[bool, str]:
        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(answer)
            writer.write_eof()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(other, "127.0.0.1", 0)
        async with server, asyncio.timeout(20):
            port = server.sockets[0].getsockname()[1]
            return await ask(Probe(action=Grpc(host="127.0.0.1", port=port), timeout=20), env={}, directory=Path())

    found, why = asyncio.run(run())
    assert not found
    assert why.startswith(problem)
