"""A model server that takes nothing on trust: every request that reaches it is checked against the grammar of HTTP/1.1
more strictly than any engine would, and kept.

It answers as a plain OpenAI-compatible server without metrics. Written apart from the product's own parser on purpose.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections import deque
from typing import NamedTuple, cast

MODEL = "recorded"
SERVED_PATHS = frozenset({"/health", "/v1/models", "/metrics"})
"""What the gateway's own checks ask for; not kept."""
_REQUEST_LINE = re.compile(rb"[A-Z][A-Z0-9_-]* (/[\x21-\x7e]*|\*) HTTP/1\.1")
_FIELD = re.compile(
    rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+): ([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?"
)
_SIZE = re.compile(rb"[1-9a-f][0-9a-f]*|0")
_HOP_BY_HOP = frozenset({"keep-alive", "proxy-connection", "te", "trailer", "expect", "proxy-authorization"})


class Recorded(NamedTuple):
    """One well-formed request."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Malformed(ValueError):
    """The peer sent what no gateway may send."""


class Recorder:
    """One server; ``address`` is known once it is started."""

    def __init__(self, kept: int = 1000) -> None:
        self.address = ""
        self.requests: deque[Recorded] = deque(maxlen=kept)
        self.total = 0
        """Requests but those for ``SERVED_PATHS``."""
        self.faults: list[str] = []
        """What was wrong with requests that no strict server can take."""
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()

    async def start(self, host: str = "127.0.0.1") -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, 0, backlog=2048)
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname())

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.transport.abort()

    def clear(self) -> None:
        self.requests.clear()
        self.faults.clear()
        self.total = 0

    def take(self, request: Recorded) -> bytes:
        """Keep a request; the answer."""
        path = request.target.partition("?")[0]
        if path not in SERVED_PATHS:
            self.total += 1
            self.requests.append(request)
        return answer_to(request, path)


class _Connection(asyncio.Protocol):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._data = b""
        self.transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._recorder._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._recorder._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._data += data
        try:
            while self._data and (found := _read(self._data)):
                request, end = found
                self._data = self._data[end:]
                self.transport.write(self._recorder.take(request))
                if request.target.startswith("/cut/"):
                    self._cut(request.target)
        except Malformed as fault:
            self._recorder.faults.append(f"{fault}: {self._data[:2000]!r}")
            self.transport.abort()

    def _cut(self, target: str) -> None:
        """Break off in the middle of the answer, with a FIN or (``/cut/…/reset``) a reset."""
        if target.endswith("/reset"):
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


def _read(data: bytes) -> tuple[Recorded, int] | None:
    """The first request and where it ends; None: it is not here whole. Raises ``Malformed``."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > 128 * 1024:
            raise Malformed("head without end")
        return None
    lines = data[:end].split(b"\r\n")
    if not _REQUEST_LINE.fullmatch(lines[0]):
        raise Malformed("request line")
    method, target, _ = lines[0].decode().split(" ")
    headers = tuple(_field(line) for line in lines[1:])
    names = [name for name, _ in headers]
    if names.count("host") != 1:
        raise Malformed("not one Host")
    if found := _HOP_BY_HOP.intersection(names):
        raise Malformed(f"hop-by-hop {sorted(found)}")
    framing = [(name, value) for name, value in headers if name in ("content-length", "transfer-encoding")]
    if len(framing) > 1:
        raise Malformed("framed twice")
    body = _body(data, end + 4, *framing[0]) if framing else (b"", end + 4)
    return None if body is None else (Recorded(method, target, headers, body[0]), body[1])


def _field(line: bytes) -> tuple[str, str]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise Malformed(f"field {line[:100]!r}")
    return match[1].decode().lower(), (match[2] or b"").decode("latin-1")


def _body(data: bytes, at: int, name: str, value: str) -> tuple[bytes, int] | None:
    if name == "transfer-encoding":
        if value != "chunked":
            raise Malformed(f"transfer-encoding {value!r}")
        return _chunks(data, at)
    if not re.fullmatch(r"0|[1-9][0-9]{0,11}", value):
        raise Malformed(f"content-length {value!r}")
    end = at + int(value)
    return (data[at:end], end) if len(data) >= end else None


def _chunks(data: bytes, at: int) -> tuple[bytes, int] | None:
    """Chunks as a gateway writes them: no extension, no trailer, no leading zero."""
    body = b""
    while (line_end := data.find(b"\r\n", at)) >= 0:
        if not _SIZE.fullmatch(data[at:line_end]):
            raise Malformed(f"chunk size {data[at:line_end][:40]!r}")
        size = int(data[at:line_end], 16)
        start, end = line_end + 2, line_end + 2 + size
        if len(data) < end + 2:
            return None
        if data[end : end + 2] != b"\r\n":
            raise Malformed("chunk without end" if size else "trailers")
        body += data[start:end]
        at = end + 2
        if not size:
            return body, at
    return None


_MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
_CHAT = json.dumps({"id": "c", "object": "chat.completion", "model": MODEL, "choices": [], "usage": _USAGE}).encode()
_EVENT = b'data: {"id":"c","model":"recorded","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
_STREAM = b"".join(
    b"%x\r\n%b\r\n" % (len(piece), piece)
    for piece in (_EVENT, _EVENT, b"data: " + json.dumps({"choices": [], "usage": _USAGE}).encode() + b"\n\n")
)
_STREAM_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + _STREAM
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


_CUT_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
_CUT = {
    "/cut/length": _CUT_HEAD + b"Content-Length: 100\r\n\r\n0123456789",
    "/cut/chunks": _CUT_HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
    "/cut/chunk": _CUT_HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n0123456789",
    "/cut/close": _CUT_HEAD + b"\r\n0123456789",
    "/cut/head": _CUT_HEAD + b"Content-Le",
}


def answer_to(request: Recorded, path: str) -> bytes:
    """A plausible answer, on the wire."""
    if path.startswith("/cut/"):
        return _CUT[path.removesuffix("/reset")]
    if path == "/v1/models":
        return _json(_MODELS)
    if request.method == "HEAD":
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    if path.endswith("/completions") and request.method == "POST":
        return _STREAM_ANSWER if b'"stream": true' in request.body else _json(_CHAT)
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Recorder: 1\r\n\r\nok"


def _json(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Recorder: 1\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
