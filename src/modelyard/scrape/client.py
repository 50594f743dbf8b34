"""A lean HTTP/1.1 GET client: kept-alive connections, no redirects, every answer bounded in size and time.

It calls back instead of being awaited: at 1,000 endpoints read five times a second, a task and a timer for
each request would cost more than the request.
"""

from __future__ import annotations

import asyncio
import math
import os
import ssl
from collections.abc import Callable

from modelyard.scrape.connection import Connection, Fetch, Reply, Target
from modelyard.scrape.wheel import Wheel

MAX_IDLE = 2
"""Connections kept open to one port: one for the metrics, one for what overlaps with them."""

EXPIRY = 0.1
"""Deadlines fall on multiples of this many seconds: most requests end long before, so they share wake-ups."""


def get_request(host: str, path: str, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """The bytes of a GET. Raises ValueError where a part would break out of its line."""
    fields = {"Host": host, "User-Agent": "modelyard", "Accept": "*/*", "Accept-Encoding": "identity"}
    given = {name.lower() for name, _ in headers}
    lines = [f"{name}: {value}" for name, value in fields.items() if name.lower() not in given]
    lines += [f"{name}: {value}" for name, value in headers]
    for text in (path, *lines):
        if not text.isprintable() or not text.isascii():
            raise ValueError(f"{text!r} has a character that is not printable ASCII")
    if not path.startswith("/") or " " in path:
        raise ValueError(f"the path {path!r} must start with / and have no space")
    return "\r\n".join((f"GET {path} HTTP/1.1", *lines, "", "")).encode()


class Client:
    """Used from one event loop. Deadlines are kept on the caller's wheel."""

    def __init__(self, wheel: Wheel, clock: Callable[[], float]) -> None:
        self._wheel = wheel
        self._clock = clock
        self._idle: dict[Target, list[Connection]] = {}
        self._open: dict[Connection, Target] = {}
        self._tasks: dict[asyncio.Task[None], Fetch] = {}
        self._closed = False

    def get(self, target: Target, request: bytes, *, timeout: float, limit: int, done: Callable[[Reply], None]) -> None:
        """Send a request made by ``get_request``; ``done`` gets the answer, or why there is none."""
        fetch = self._fetch(target, request, timeout, limit, done)
        idle = self._idle.get(target)
        if idle:
            idle.pop().send(fetch)
        else:
            self._start(fetch)

    def connect(self, target: Target, *, timeout: float, done: Callable[[Reply], None]) -> None:
        """Open a connection and close it again; a reply without a problem: it was accepted."""
        self._start(self._fetch(target, b"", timeout, 0, done))

    async def close(self) -> None:
        """End everything that is open; requests under way are not reported any more."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for connection in tuple(self._open):
            connection.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._idle.clear()

    def forget(self, host: str) -> None:
        """Close the connections to a host that is not watched any more: those in use once they have their answer."""
        for target in [target for target in self._idle if target.host == host]:
            for connection in self._idle.pop(target):
                connection.close()
        for connection, target in self._open.items():
            if target.host == host:
                connection.close_after_answer()
        for fetch in self._tasks.values():
            fetch.last = fetch.last or fetch.target.host == host

    def idle(self, connection: Connection) -> None:
        """Called by a connection that can take another request."""
        target = self._open.get(connection)
        idle = self._idle.setdefault(target, []) if target is not None else []
        if self._closed or target is None or len(idle) >= MAX_IDLE:
            connection.close()
        else:
            idle.append(connection)

    def gone(self, connection: Connection) -> None:
        """Called by a connection that was closed."""
        target = self._open.pop(connection, None)
        if target is not None and connection in self._idle.get(target, ()):
            self._idle[target].remove(connection)

    def retry(self, fetch: Fetch) -> None:
        """Called by a connection that the server had closed before the request came."""
        fetch.retried = True
        self._start(fetch)

    def _fetch(
        self, target: Target, request: bytes, timeout: float, limit: int, done: Callable[[Reply], None]
    ) -> Fetch:
        fetch = Fetch(target, request, limit, done)
        deadline = self._clock() + timeout
        self._wheel.add(math.ceil(deadline / EXPIRY) * EXPIRY, fetch.expire)
        return fetch

    def _start(self, fetch: Fetch) -> None:
        if self._closed:
            return
        task = asyncio.get_running_loop().create_task(self._connect(fetch))
        fetch.on_expiry = task.cancel
        self._tasks[task] = fetch
        task.add_done_callback(self._tasks.pop)

    async def _connect(self, fetch: Fetch) -> None:
        target, connection = fetch.target, Connection(self)
        context = _unverified() if target.tls else None
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: connection, target.host, target.port, ssl=context)
        except asyncio.CancelledError:
            connection.close()
            if not self._closed:
                fetch.finish(Reply(problem="no connection in time", silent=True))
        except (OSError, ValueError) as error:  # ValueError: a port or host that no socket takes
            fetch.finish(Reply(problem=_reason(error), silent=True))
        else:
            self._connected(connection, fetch)

    def _connected(self, connection: Connection, fetch: Fetch) -> None:
        if fetch.request:
            self._open[connection] = fetch.target
            connection.send(fetch)
        else:
            connection.close()
            fetch.finish(Reply())


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else str(error) or repr(error)


def _unverified() -> ssl.SSLContext:
    """For health checks over TLS: like kubelet and load balancers, they do not verify the endpoint's
    certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
