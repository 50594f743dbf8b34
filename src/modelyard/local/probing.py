"""Asks the questions of ``probes`` over the network."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from pathlib import Path

from modelyard.local.grpc_health import SERVING, health
from modelyard.local.probes import Exec, Grpc, HttpGet, Probe, TcpSocket

_STATUS_LINE_BYTES = 4096


async def ask(probe: Probe, *, env: Mapping[str, str], directory: Path) -> tuple[bool, str]:
    """One result: whether it passed, and for people why not. ``env`` and ``directory`` are for exec
    probes."""
    try:
        async with asyncio.timeout(probe.timeout):
            match probe.action:
                case HttpGet():
                    return await _http(probe.action)
                case TcpSocket():
                    return await _tcp(probe.action)
                case Grpc():
                    return await _grpc(probe.action)
                case Exec():
                    return await _exec(probe.action, env, directory)
    except TimeoutError:
        return False, f"no answer within {probe.timeout:g} s"
    except (OSError, ValueError) as error:
        return False, _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the port is not open yet"
    return str(error) or type(error).__name__


async def _http(get: HttpGet) -> tuple[bool, str]:
    reader, writer = await asyncio.open_connection(
        get.host, get.port, ssl=_unverified() if get.tls else None, limit=_STATUS_LINE_BYTES
    )
    try:
        writer.write(_request(get))
        status = _status(await reader.readline())
    finally:
        writer.close()
    return 200 <= status < 400, f"GET {get.path} answered {status}"


def _request(get: HttpGet) -> bytes:
    headers = {"host": f"{get.host}:{get.port}", "user-agent": "kube-probe/modelyard", "accept": "*/*"}
    headers |= {name.lower(): value for name, value in get.headers}
    lines = [f"GET {get.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join([*lines, "connection: close"]) + "\r\n\r\n").encode("latin-1", "replace")


def _status(line: bytes) -> int:
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError("the answer is not HTTP")
    return int(words[1])


def _unverified() -> ssl.SSLContext:
    """The kubelet does not verify a container's certificate either."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _tcp(socket: TcpSocket) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(socket.host, socket.port)
    writer.close()
    return True, ""


async def _grpc(check: Grpc) -> tuple[bool, str]:
    status = await health(check.host, check.port, check.service)
    return status == SERVING, f"the gRPC health service answered {status}"


async def _exec(action: Exec, env: Mapping[str, str], directory: Path) -> tuple[bool, str]:
    process = await asyncio.create_subprocess_exec(
        *action.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(env),
        cwd=directory,
        start_new_session=True,
    )
    try:
        code = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return code == 0, f"{action.command[0]} ended with {code}"
