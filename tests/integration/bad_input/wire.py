"""A client that sends exactly the bytes it is given, and reads answers strictly."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from types import TracebackType
from typing import Any


class Answer:
    """One response."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.version, status, _ = lines[0].split(" ", 2)
        self.status = int(status)
        pairs = [line.split(": ", 1) for line in lines[1:] if line]
        self.headers = [(name.lower(), value) for name, value in pairs]
        self.body = body

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, checked for its shape: what every answer that the gateway makes itself has."""
        body = self.json
        assert set(body) == {"error"}, body
        error = body["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert error["message"]
        assert error["type"]
        return dict(error)

    def __repr__(self) -> str:
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Wire:
    """One connection."""

    def __init__(self, place: tuple[str, int], timeout: float = 15.0) -> None:
        self._socket = socket.create_connection(place, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def send(self, data: bytes) -> Wire:
        """Send what the other side still takes."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)
        return self

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def more(self) -> bytes:
        """The next bytes; none: the other side closed. Raises ConnectionError after a reset, TimeoutError."""
        return self._socket.recv(65536)

    def until(self, end: bytes) -> bytes:
        """Bytes up to and with ``end``."""
        while end not in self._pending:
            data = self.more()
            if not data:
                raise EOFError(self._pending)
            self._pending += data
        found, _, self._pending = self._pending.partition(end)
        return found + end

    def exactly(self, count: int) -> bytes:
        while len(self._pending) < count:
            data = self.more()
            if not data:
                raise EOFError(self._pending)
            self._pending += data
        found, self._pending = self._pending[:count], self._pending[count:]
        return found

    def rest(self) -> bytes:
        """Everything until the other side closes; what a reset leaves is given too."""
        data, self._pending = self._pending, b""
        try:
            while piece := self.more():
                data += piece
        except ConnectionError:
            pass
        return data

    def answer(self, method: str = "GET") -> Answer:
        """The next final answer, read to its end by its own framing."""
        head = self.until(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100 "):
            head = self.until(b"\r\n\r\n")
        answer = Answer(head, b"")
        length = answer.header("content-length")
        assert not (length and answer.header("transfer-encoding"))
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if answer.header("transfer-encoding") == "chunked":
            answer.body = self._chunks()
        elif length:
            answer.body = self.exactly(int(length))
        else:
            answer.body = self.rest()
        return answer

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        while self.until(b"\r\n") != b"\r\n":
            pass
        return body

    def is_closed(self, seconds: float = 10.0) -> bool:
        """Whether the other side closes within ``seconds`` without another byte."""
        end = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        try:
            return not self._pending and not self.more()
        except ConnectionError:
            return True
        except TimeoutError:
            return time.monotonic() < end


def post(path: str, body: bytes, *lines: str, host: str = "models.test", length: bool = True) -> bytes:
    """A POST with further header ``lines``."""
    fields = [f"POST {path} HTTP/1.1", f"Host: {host}", *lines]
    if not any(line.lower().startswith("content-type:") for line in lines):
        fields.append("Content-Type: application/json")
    if length:
        fields.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*fields, "", ""]).encode("latin-1") + body


def get(path: str, *lines: str, host: str = "models.test") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode("latin-1")


def chat(model: str, *, content: str = "hi", **fields: Any) -> bytes:
    """The body of a chat request."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **fields}).encode()
