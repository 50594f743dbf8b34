"""The surface between a shell (proxy, ext_proc) and an exchange: which calls come, in which order.

::

    gateway.open(head, client, now) ──> Exchange
    exchange.on_head(now)                    -> ReadBody | Respond | Forward | Wait
    exchange.on_body(body, now)              -> Respond | Forward | Wait
    exchange.on_body_too_large()             -> Respond
    exchange.on_upstream_failure(kind, replayable, now)
                                             -> Forward (another endpoint) | Respond | Wait
                                                                                       before the client has a byte
    exchange.lacks_model(status)             -> whether that answer means ``on_upstream_failure("model_missing", …)``
    exchange.on_response_head(head, now)     -> ResponseHead as the client shall get it   (mutated in place)
    exchange.forget_request()                                                        at the answer's first byte
    exchange.on_response_data(chunk)         -> bytes for the client (the same object when nothing changes)
    exchange.on_response_end()               -> last bytes for the client
    exchange.on_response_broken()            -> bytes that end a broken stream visibly (SSE error event, or nothing)
    exchange.on_end(outcome, now)            -> ExchangeRecord; exactly once, whatever happened; releases every counter

Who does what:

- The shell parses and checks framing, and removes hop-by-hop fields (Connection and what it names, Keep-Alive,
  TE, Trailer, Transfer-Encoding, Upgrade, Proxy-Connection) from the response head before ``on_response_head``; it
  writes the framing fields and Connection itself. Interim answers (1xx other than 101) never reach the exchange.
- The exchange writes the request head (``Forward.head``), and removes hop-by-hop fields and Expect there: the shell
  has answered ``Expect: 100-continue`` by the time a body is read. For ``Forward.upgrade`` the head keeps Connection
  and Upgrade.
- After ``Wait`` the shell sets ``exchange.resume``; it is called with the next command, at most once, and never from
  inside a call to this exchange (from inside another's ``on_end`` it may be).
- A reused connection that dies before any response byte is retried by the shell on a fresh one, unreported.
- Messages between control process and worker stand in ``worker.protocol``; ``Gateway`` (``exchange.gateway``)
  and ``build_snapshot`` (``snapshot``) are what a worker puts together from them.
- The shell counts body bytes and sets ``request_bytes`` and ``response_bytes`` in the record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from modelyard.exchange.commands import Command, Forward, Respond, Wait
from modelyard.exchange.record import ExchangeRecord
from modelyard.http1.message_heads import RequestHead, ResponseHead

FailureKind = Literal[
    "connect_refused", "connect_timeout", "reset", "head_timeout", "deadline", "bad_response", "model_missing"
]
"""What went wrong upstream before the first response byte. ``model_missing``: the endpoint is well, but does not have
the adapter that it was thought to have."""

Outcome = Literal["done", "client_gone", "upstream_broken", "deadline", "shutdown"]
"""How an exchange ended."""


@dataclass(slots=True, frozen=True)
class ClientFacts:
    """What is known of a client's connection; made anew only when its listener gets another name."""

    listener: str
    """Id of the listener group whose socket took the connection."""
    address: str
    """The client's IP address, without port."""
    port: int = 0
    """Local port of the listener, as clients see it (0: unknown)."""
    tls: bool = False
    server_name: str = ""
    """SNI host name of the TLS handshake, lower case; empty where there was none."""


class ExchangeContract(Protocol):
    """What a shell may call on an exchange."""

    changes_length: bool
    """Known after ``on_response_head``: the body's length may change, so Content-Length must not be passed on."""
    holds_head: bool
    """Known after ``on_response_head``: the shell keeps a head that comes alone until the first body byte, and an
    answer that breaks off before it is a failed attempt (``on_upstream_failure``). Engines send the head of a stream
    when they queue the request, long before its first token; what the client has seen nothing of need not be lost."""
    resume: Callable[[Forward | Respond], None] | None
    """None until the shell got ``Wait``; called when the wait is over."""

    def on_head(self, now: float) -> Command: ...
    def on_body(self, body: bytes, now: float) -> Respond | Forward | Wait: ...
    def on_body_too_large(self) -> Respond: ...
    def lacks_model(self, status: int) -> bool:
        """Asked of every 404 before anything of it is passed on."""
        ...

    def on_upstream_failure(self, kind: FailureKind, replayable: bool, now: float) -> Forward | Respond | Wait:
        """``replayable`` False: part of a streamed body is gone, so the answer must be ``Respond``."""
        ...

    def on_response_head(self, head: ResponseHead, now: float) -> ResponseHead: ...
    def forget_request(self) -> None:
        """No other attempt comes: let go of the request's body. Not called where an answer comes in one piece."""
        ...

    def on_response_data(self, chunk: bytes) -> bytes: ...
    def on_response_end(self) -> bytes: ...
    def on_response_broken(self) -> bytes: ...
    def on_end(self, outcome: Outcome, now: float) -> ExchangeRecord: ...


class GatewayContract(Protocol):
    """What a shell may call on the gateway of its process."""

    def open(self, head: RequestHead, client: ClientFacts, now: float) -> ExchangeContract:
        """Start an exchange for a request that ``client`` sent."""
        ...
