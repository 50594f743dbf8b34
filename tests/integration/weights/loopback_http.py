"""What the loopback servers of these tests share: objects with bytes, ranges, a tap that can be closed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

BLOCK = 32 << 10
AnySite = TypeVar("AnySite", bound="Site")


@dataclass
class Tap:
    """What is done to bodies of files. All numbers are bytes; None: nothing is done."""

    stall_after: int | None = None
    """Send so much in all, set ``stalled``, and send nothing more until it is opened."""
    break_every: int | None = None
    """End the connection after so much of one answer."""
    sent: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stall(self, after: int) -> None:
        """From now on, so much and no more."""
        with self.lock:
            self.opened.set()
            self.sent, self.stall_after = 0, after
            self.stalled, self.opened = threading.Event(), threading.Event()

    def open(self) -> None:
        """Let all through again."""
        with self.lock:
            self.stall_after = None
            self.opened.set()

    def allow(self, count: int) -> None:
        """Called before so many bytes are sent; waits while the tap is closed."""
        with self.lock:
            closed = self.stall_after is not None and self.sent >= self.stall_after
            self.sent += 0 if closed else count
            stalled, opened = self.stalled, self.opened
        if closed:
            stalled.set()
            opened.wait(60)


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers with ``self.server.site``, which subclasses of :class:`Site` are."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.requests.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        site.answer(self)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""

    def send(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_file(self, content: bytes, tap: Tap, headers: Mapping[str, str]) -> None:
        """All of it, or the range that is asked for."""
        start, end = 0, len(content)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if asked:
            start, end = int(asked[1]), min(end, int(asked[2]) + 1 if asked[2] else end)
            headers = {**headers, "content-range": f"bytes {start}-{end - 1}/{len(content)}"}
        self.send_response(206 if asked else 200)
        for name, value in {"content-length": str(end - start), "accept-ranges": "bytes", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._body(content[start:end], tap)

    def _body(self, body: bytes, tap: Tap) -> None:
        for place in range(0, len(body), BLOCK):
            if tap.break_every is not None and place >= tap.break_every:
                self.close_connection = True
                return
            tap.allow(BLOCK)
            try:
                self.wfile.write(body[place : place + BLOCK])
            except OSError:
                self.close_connection = True
                return


class Site:
    """What a server serves."""

    def __init__(self) -> None:
        self.tap = Tap()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers (names in lower case) of every request."""
        self.url = ""

    def answer(self, request: LoopbackHandler) -> None:
        raise NotImplementedError


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed in these tests: what breaks is theirs."""


@contextmanager
def serving(site: AnySite, address: str = "127.0.0.1") -> Iterator[AnySite]:
    """Serves it at ``site.url``."""
    server = _QuietServer((address, 0), LoopbackHandler)
    server.site = site  # type: ignore[attr-defined]
    site.url = f"http://{address}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.tap.open()
        server.shutdown()
        server.server_close()
        thread.join()
