"""Model servers that switch protocols for ``/v1/realtime`` and answer everything else. They note heads."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from typing import Any

PORT = 8000
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_OWN = (b"GET /metrics", b"GET /health", b"GET /v1/models HTTP", b"GET /version", b"GET /server_info")


class UpgradingBackends:
    """One server per host, each connection in a thread of its own."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self.heads: list[tuple[str, bytes]] = []
        """Host and head of every request but the picker's own looks."""
        self._servers = [_Server((host, PORT), _connection(self, host)) for host in hosts]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _connection(backends: UpgradingBackends, host: str) -> Any:
    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while (head := self._head()) and self._answered(head):
                    pass

        def _head(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                lines.append(line)
            return b"".join(lines)

        def _answered(self, head: bytes) -> bool:
            """False: the connection speaks something else from here on."""
            if not head.startswith(_OWN) or b"\r\nupgrade:" in head.lower():
                backends.heads.append((f"{host}:{PORT}", head))
            if not head.startswith(b"GET /v1/realtime"):
                self.wfile.write(PLAIN)
                return True
            self.wfile.write(SWITCHED)
            while data := self.rfile.read1(65536):
                self.wfile.write(data)
            return False

    return Connection
