"""An HTTP/1.1 client that sends paths and headers exactly as a test writes them and follows nothing."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case."""
    body: bytes
    echo: dict[str, Any] = field(default_factory=dict)
    """What the echo backend saw, where one answered."""

    def header(self, name: str) -> str | None:
        """All values of a header joined by a comma; None: absent."""
        return joined(self.headers, name)

    @property
    def backend(self) -> str | None:
        """Name of the echo backend that answered."""
        return self.echo.get("backend")

    def at_backend(self, name: str) -> str | None:
        """A request header as the backend saw it."""
        return joined(self.echo["headers"], name)


def joined(fields: Iterable[Any], name: str) -> str | None:
    values = [value for key, value in fields if key == name.lower()]
    return ",".join(values) if values else None


class Connection:
    """One connection, kept open between requests; opened anew when the other side closed it."""

    def __init__(self, address: Address, *, sni: str | None = None, timeout: float = 10.0) -> None:
        self._address = address
        self._sni = sni
        self._timeout = timeout
        self._open: http.client.HTTPConnection | None = None

    def send(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        host: str = "example.com",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answer:
        """One request and its answer. Raises OSError or HTTPException where the connection fails."""
        connection = self._open or self._connect()
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        content = response.read()
        if response.will_close:
            self.close()
        fields = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, fields, content, _echo(content))

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        plain = socket.create_connection(self._address, self._timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock = plain if self._sni is None else _tls(plain, self._sni)
        self._open = connection
        return connection

    def certificate(self) -> bytes:
        """The peer's certificate in DER form."""
        connection = self._open or self._connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        return connection.sock.getpeercert(binary_form=True) or b""


def _tls(plain: socket.socket, name: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=name or None)


def _echo(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "backend" in found else {}


def ask(address: Address, method: str = "GET", path: str = "/", *, sni: str | None = None, **more: Any) -> Answer:
    """One request on a connection of its own."""
    with Connection(address, sni=sni) as connection:
        return connection.send(method, path, **more)
