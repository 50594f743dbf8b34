"""What clients that read nothing, or send without end, cost Envoy's memory; and what happens when it runs short."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hpack
import pytest
from edge_client import PATH, Answer, send
from edge_manifests import DIRECT
from envoy_setup import Running, Setup, setup, takes_connections, until

from modelyard.http2 import frames

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

LARGE = 8 << 20
STREAMS = 100
BIG = "/v1/models/big"


class _Backend(socketserver.StreamRequestHandler):
    """``BIG`` is large; everything else is read whole and told its length."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while line := self.rfile.readline():
                length = 0
                while (field := self.rfile.readline()) not in (b"\r\n", b""):
                    if field.lower().startswith(b"content-length:"):
                        length = int(field.split(b":")[1])
                left = length
                while left:
                    left -= len(self.rfile.read(min(left, 1 << 20)))
                big = b" /v1/models/big " in line
                body = b"x" * LARGE if big else b"%d" % length
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


@dataclass(slots=True)
class Edge:
    """Envoy without a picker, before a pool that fails open."""

    setup: Setup
    envoy: Running

    @property
    def address(self) -> tuple[str, int]:
        return (self.setup.edge, DIRECT)

    def send(self, **more: Any) -> Answer:
        return send(self.address, "open.test", **more)

    @property
    def memory(self) -> int:
        """Bytes that are resident."""
        status = Path(f"/proc/{self.envoy.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@contextlib.contextmanager
def running(folder: Path, block: str, *options: str) -> Iterator[Edge]:
    with setup(folder, block) as made:
        servers = [_Server((host, 8000), _Backend) for host in made.backend_hosts]
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Edge(made, made.envoy(*options))
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def edge(tmp_path: Path, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    with running(tmp_path, own_blocks()) as found:
        yield found


def test_who_reads_nothing_holds_little(edge: Edge) -> None:
    """One connection, no window, a hundred large answers: 70 MB more where Envoy's own buffers are left as they are."""
    until(lambda: edge.send().status == 200, "nothing is served")
    before = edge.memory
    with unread(edge.address) as client:
        until(lambda: frames_of(client).count(frames.HEADERS) == STREAMS, "not every answer has begun")
        assert edge.send().status == 200
        assert edge.memory - before < 32 << 20


def test_large_bodies_pass_both_ways(edge: Edge) -> None:
    body = b"a" * (20 << 20)
    until(lambda: edge.send().status == 200, "nothing is served")
    assert edge.send(body=body).body == str(len(body)).encode()
    assert len(edge.send(body=None, path=BIG).body) == LARGE


def test_short_of_memory_it_refuses_with_an_error_of_the_api(tmp_path: Path, own_blocks: Callable[[], str]) -> None:
    with running(tmp_path, own_blocks(), "--max-heap", "2") as edge:
        until(lambda: edge.send().status == 503, "nothing is refused")
        refused = edge.send()
        assert refused.json["error"]["code"] == "overloaded"
        assert refused.headers["content-type"] == "application/json"


def test_who_holds_most_is_cut_before_others_are_refused(tmp_path: Path, own_blocks: Callable[[], str]) -> None:
    """Bodies over HTTP/2 that are never sent to their end, which wait for it on their way to the picker."""
    with running(tmp_path, own_blocks(), "--max-heap", "64") as edge, contextlib.ExitStack() as stack:
        edge.setup.picker()
        until(lambda: edge.send().status == 200, "nothing is served")
        clients = [stack.enter_context(endless_body(edge.address)) for _ in range(12)]
        assert any(client.was_cut for client in clients)
        until(lambda: edge.send().status == 200, "others are refused")


def test_who_takes_nothing_is_cut(edge: Edge) -> None:
    """With the shipped bounds of 300 s made short: off the connection, and with no window for the end of an answer."""
    text = (edge.setup.folder / "envoy.yaml").read_text()
    short = text.replace("300000", "2000").replace('stream_flush_timeout: "300s"', 'stream_flush_timeout: "2s"')
    assert short.count("2000\n") == text.count("SO_KEEPALIVE") == 2
    (edge.setup.folder / "short.yaml").write_text(short)
    edge.envoy.close()
    edge.setup.run_envoy(edge.setup.folder / "short.yaml")
    until(lambda: takes_connections(*edge.address) and edge.send().status == 200, "nothing is served")
    with socket.socket() as client, unread(edge.address, path="/v1/models/small") as windowless:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(edge.address)
        client.sendall(f"GET {BIG} HTTP/1.1\r\nHost: open.test\r\n\r\n".encode())
        until(lambda: frames_of(windowless).count(frames.RST_STREAM) == STREAMS, "streams wait for ever")
        until(lambda: _is_gone(client), "a connection waits for ever")


def _is_gone(client: socket.socket) -> bool:
    """Nobody answers on its other end any more."""
    try:
        client.send(b"GET /")
    except OSError:
        return True
    return False


class EndlessBody:
    """One request over HTTP/2 that sends as much of its body as it may."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._windows = {0: frames.DEFAULT_WINDOW, 1: frames.DEFAULT_WINDOW}
        self._cutter = frames.FrameCutter(1 << 20)
        self.was_cut = False

    def send(self, size: int) -> None:
        piece = b"a" * frames.DEFAULT_FRAME_SIZE
        head = len(piece).to_bytes(3, "big") + bytes((frames.DATA, 0)) + (1).to_bytes(4, "big")
        with contextlib.suppress(OSError):
            while size > 0 and not self.was_cut:
                while min(self._windows.values()) < len(piece) and not self.was_cut:
                    self._read()
                self._sock.sendall(head + piece)
                size -= len(piece)
                self._windows = {stream: left - len(piece) for stream, left in self._windows.items()}

    def _read(self) -> None:
        data = self._sock.recv(65536)
        self.was_cut |= not data
        for kind, flags, stream, payload in self._cutter.feed(data):
            self.was_cut |= kind in (frames.RST_STREAM, frames.GOAWAY, frames.HEADERS)
            if kind == frames.WINDOW_UPDATE:
                self._windows[stream] += int.from_bytes(payload, "big")
            if kind == frames.SETTINGS and not flags & frames.ACK:
                self._sock.sendall(bytes((0, 0, 0, frames.SETTINGS, frames.ACK, 0, 0, 0, 0)))


@contextlib.contextmanager
def endless_body(address: tuple[str, int]) -> Iterator[EndlessBody]:
    head = hpack.Encoder().encode(
        [(":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "open.test")]
    )
    with socket.create_connection(address, 10) as sock:
        kind = bytes((frames.HEADERS, frames.END_HEADERS))
        sock.sendall(frames.PREFACE + frames.settings({}))
        sock.sendall(len(head).to_bytes(3, "big") + kind + (1).to_bytes(4, "big") + head)
        client = EndlessBody(sock)
        client.send(LARGE)
        yield client


@contextlib.contextmanager
def unread(address: tuple[str, int], path: str = BIG) -> Iterator[socket.socket]:
    """A connection with requests for large answers, and no window for any."""
    encoder = hpack.Encoder()
    fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "open.test")]
    with socket.create_connection(address, 10) as sock:
        sock.sendall(frames.PREFACE + frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
        for number in range(STREAMS):
            head = encoder.encode(fields)
            flags = frames.END_HEADERS | frames.END_STREAM
            kind = bytes((frames.HEADERS, flags))
            sock.sendall(len(head).to_bytes(3, "big") + kind + (2 * number + 1).to_bytes(4, "big") + head)
        sock.setblocking(False)
        _seen[sock] = bytearray()
        yield sock
        del _seen[sock]


_seen: dict[socket.socket, bytearray] = {}


def frames_of(sock: socket.socket) -> list[int]:
    """Kinds of what has come."""
    with contextlib.suppress(BlockingIOError):
        _seen[sock] += sock.recv(1 << 20)
    cutter = frames.FrameCutter(1 << 20)
    return [kind for kind, _, _, _ in cutter.feed(bytes(_seen[sock]))]
