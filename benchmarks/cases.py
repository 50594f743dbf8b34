"""What is asked of every peer."""

from __future__ import annotations

import json
from dataclasses import dataclass

from benchmarks.answers import MODEL

_PROMPT = "Which engine of the yard answers this request, and how long does it take to find that out? "


@dataclass(frozen=True)
class Case:
    """One kind of load."""

    name: str
    title: str
    connections: int
    """Clients; each has one request or stream open at a time."""
    body: bytes
    streams: bool = False
    """Measured per event of open streams, not per request."""
    rate: float = 0.0
    """Requests per second, sent when they are due; 0: each client sends the next when it has its answer."""

    @property
    def unit(self) -> str:
        return "event" if self.streams else "request"


def chat_body(size: int, *, stream: bool = False, choices: int = 1) -> bytes:
    """A chat completion request of about ``size`` bytes."""
    request = {"model": MODEL, "messages": [{"role": "user", "content": ""}], "temperature": 0.7}
    if choices > 1:
        request["n"] = choices
    if stream:
        request["stream"] = True
    bare = json.dumps(request, separators=(",", ":"))
    prompt = (_PROMPT * (size // len(_PROMPT) + 1))[: max(0, size - len(bare))]
    return bare.replace('"content":""', f'"content":{json.dumps(prompt)}').encode()


CONNECTIONS = 32
CASES = (
    Case("small", "200 B body", CONNECTIONS, chat_body(200)),
    Case("8k", "8 KB body", CONNECTIONS, chat_body(8 * 1024)),
    Case("100k", "100 KB body", CONNECTIONS, chat_body(100 * 1024)),
    Case("stream100", "100 streams", 100, chat_body(200, stream=True), streams=True),
    Case("stream400", "400 streams", 400, chat_body(200, stream=True), streams=True),
)
PUBLISHED_RATE = 500.0
"""Requests per second at which the cost of the inference extension's own picker was published."""
ONE, MANY, PACED = (
    Case("one", "1 connection", 1, chat_body(200)),
    Case("many", f"{CONNECTIONS} connections", CONNECTIONS, chat_body(200)),
    Case("paced", f"{PUBLISHED_RATE:g} requests/s", 64, chat_body(200), rate=PUBLISHED_RATE),
)
"""What Envoy with a picker is asked: 200 B bodies."""
BY_NAME = {case.name: case for case in (*CASES, ONE, MANY, PACED)}
