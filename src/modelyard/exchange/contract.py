"""The surface between a shell (proxy, ext_proc) and an exchange: which calls come, in which order.

::

    gateway.open(head, port, now) ──> Exchange
    exchange.on_head(now)                    -> ReadBody | Respond | Forward | Wait
    exchange.on_body(body, now)              -> Respond | Forward | Wait
    exchange.on_body_too_large()             -> Respond
    exchange.on_upstream_failure(kind, now)  -> Forward (another endpoint) | Respond      before the first response byte
    exchange.on_response_head(head, now)     -> ResponseHead as the client shall get it   (mutated in place)
    exchange.on_response_data(chunk)         -> bytes for the client (the same object when nothing changes)
    exchange.on_response_end()               -> last bytes for the client
    exchange.on_response_broken()            -> bytes that end a broken stream visibly (SSE error event, or nothing)
    exchange.on_end(outcome, now)            -> ExchangeRecord; exactly once, whatever happened; releases every counter
"""

from __future__ import annotations

from typing import Literal, Protocol

from modelyard.exchange.commands import Command, Forward, Respond, Wait
from modelyard.exchange.record import ExchangeRecord
from modelyard.http1.message_heads import RequestHead, ResponseHead

FailureKind = Literal["connect-refused", "connect-timeout", "reset", "head-timeout", "deadline", "bad-response"]
"""What went wrong upstream before the first response byte."""

Outcome = Literal["done", "client-gone", "upstream-broken", "deadline", "shutdown"]
"""How an exchange ended."""


class ExchangeContract(Protocol):
    """What a shell may call on an exchange."""

    changes_length: bool
    """Known after ``on_response_head``: the body's length may change, so Content-Length must not be passed on."""

    def on_head(self, now: float) -> Command: ...
    def on_body(self, body: bytes, now: float) -> Respond | Forward | Wait: ...
    def on_body_too_large(self) -> Respond: ...
    def on_upstream_failure(self, kind: FailureKind, now: float) -> Forward | Respond: ...
    def on_response_head(self, head: ResponseHead, now: float) -> ResponseHead: ...
    def on_response_data(self, chunk: bytes) -> bytes: ...
    def on_response_end(self) -> bytes: ...
    def on_response_broken(self) -> bytes: ...
    def on_end(self, outcome: Outcome, now: float) -> ExchangeRecord: ...


class GatewayContract(Protocol):
    """What a shell may call on the gateway of its process."""

    def open(self, head: RequestHead, listener: str, now: float) -> ExchangeContract:
        """Start an exchange. ``listener`` is the id of the listener group (socket) that took the connection."""
        ...
