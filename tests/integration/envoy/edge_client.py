"""Requests through Envoy, and what became of them."""

from __future__ import annotations

import hashlib
import http.client
import json
import select
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

BODY = b'{"model": "tiny", "messages": []}'
PATH = "/v1/chat/completions"


@dataclass(slots=True)
class Answer:
    """What came back. ``status`` 0: the connection broke."""

    status: int
    began: float
    """When it was asked for (CLOCK_MONOTONIC)."""
    seconds: float
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def unchanged(self) -> bool:
        """The backend got the bytes that were sent."""
        return bool(self.json["sha256"] == hashlib.sha256(self.sent).hexdigest())


def send(
    address: tuple[str, int],
    host: str,
    *,
    body: bytes | None = BODY,
    path: str = PATH,
    headers: dict[str, str] | None = None,
    timeout: float = 30.0,
) -> Answer:
    """One request on a connection of its own."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    fields = {"host": host, "content-type": "application/json", **(headers or {})}
    try:
        connection.request("GET" if body is None else "POST", path, body, fields)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as problem:
        return Answer(0, began, time.monotonic() - began, repr(problem).encode(), sent=body or b"")
    finally:
        connection.close()
    named = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, began, time.monotonic() - began, data, named, body or b"")


def status_while_sending(address: tuple[str, int], host: str, size: int) -> int:
    """The status that comes while a body is on its way, of which no more is sent then."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n"
    left = memoryview(head.encode() + b"a" * size)
    with socket.create_connection(address, timeout=30) as connection:
        while left:
            readable, writable, _ = select.select([connection], [connection], [], 30)
            if readable or not writable:
                break
            left = left[connection.send(left[:65_536]) :]
        return int(connection.recv(64).split(b" ", 2)[1])


class Load:
    """Clients that send one request after the other until they are told to stop."""

    def __init__(
        self,
        address: tuple[str, int],
        host: str,
        *,
        clients: int = 4,
        body: bytes = BODY,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.answers: list[Answer] = []
        self._going = True
        self._latest = [0.0] * clients
        """When each client began the last request that it has an answer to."""
        work = (address, host, body, headers)
        self._threads = [
            threading.Thread(target=self._client, args=(number, *work), daemon=True) for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def _client(
        self, number: int, address: tuple[str, int], host: str, body: bytes, headers: dict[str, str] | None
    ) -> None:
        while self._going:
            answer = send(address, host, body=body, headers=headers)
            self.answers.append(answer)
            self._latest[number] = answer.began

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Until ``count`` more answers came."""
        until, wanted = time.monotonic() + seconds, len(self.answers) + count
        while len(self.answers) < wanted:
            assert time.monotonic() < until, f"{len(self.answers)} answers of {wanted} in {seconds} s"
            time.sleep(0.01)

    def wait_past(self, moment: float, seconds: float = 30.0) -> None:
        """Until every client has an answer that it asked for after ``moment``: what was open then is over."""
        until = time.monotonic() + seconds
        while not all(began > moment for began in self._latest):
            assert time.monotonic() < until, f"a client has no answer within {seconds} s"
            time.sleep(0.01)

    def begun_after(self, moment: float) -> list[Answer]:
        """The answers that were asked for after ``moment``."""
        return [answer for answer in self.answers if answer.began > moment]

    def end(self) -> Counter[int]:
        """Stop; how many answers had which status."""
        self._going = False
        for thread in self._threads:
            thread.join(30)
        return Counter(answer.status for answer in self.answers)
