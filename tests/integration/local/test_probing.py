"""Probes against real sockets and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from modelyard.local.probes import Exec, HttpGet, Probe, TcpSocket
from modelyard.local.probing import ask

pytestmark = pytest.mark.integration
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(data: bytes, *, hang: bool = False) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        if hang:
            await reader.read()
        writer.close()

    return handle


def asked(probe: Callable[[int], Probe], handler: Handler, folder: Path) -> tuple[bool, str]:
    async def run() -> tuple[bool, str]:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await ask(probe(port), env={}, directory=folder)
        finally:
            server.close()

    return asyncio.run(run())


def get(port: int) -> Probe:
    return Probe(action=HttpGet(host="127.0.0.1", port=port, path="/health"), timeout=10)


def impatient(port: int) -> Probe:
    return replace(get(port), timeout=0.5)


@pytest.mark.parametrize(
    ("answer", "passed", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", True, ""),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False, "GET /health answered 404"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", False, "GET /health answered 503"),
        (b"SSH-2.0-x\r\n", False, "not HTTP"),
        (b"", False, "not HTTP"),
        (b"x" * 100_000, False, ""),
    ],
)
def test_http(tmp_path: Path, answer: bytes, passed: bool, why: str) -> None:
    result = asked(get, answering(answer), tmp_path)
    assert result[0] is passed
    assert why in result[1]


def test_an_answer_that_never_comes(tmp_path: Path) -> None:
    assert asked(impatient, answering(b"HTTP/1.1 2", hang=True), tmp_path) == (False, "no answer within 0.5 s")


def test_tcp(tmp_path: Path) -> None:
    probe = asked(
        lambda port: Probe(action=TcpSocket(host="127.0.0.1", port=port), timeout=10), answering(b""), tmp_path
    )
    assert probe[0]
    closed = Probe(action=TcpSocket(host="127.8.255.253", port=9), timeout=10)
    assert asyncio.run(ask(closed, env={}, directory=tmp_path)) == (False, "the port is not open yet")


@pytest.mark.parametrize(
    ("command", "passed", "why"),
    [
        (("true",), True, ""),
        (("false",), False, "false ended with 1"),
        (("sh", "-c", 'test "$A" = b && test -e here'), True, ""),
        (("sleep", "60"), False, "no answer within 0.5 s"),
        (("/no/such",), False, "No such file"),
    ],
)
def test_exec(tmp_path: Path, command: tuple[str, ...], passed: bool, why: str) -> None:
    (tmp_path / "here").touch()
    probe = Probe(action=Exec(command=command), timeout=0.5 if command[0] == "sleep" else 10)
    result = asyncio.run(ask(probe, env={"A": "b", "PATH": "/usr/bin:/bin"}, directory=tmp_path))
    assert result[0] is passed
    assert why in result[1] or passed
