"""What clients of the gRPC server may ask of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from modelyard.http2.server_limits import ServerLimits

_ENVELOPE = 64 << 10
"""Bytes of a message beside the body in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcLimits:
    """Bounds of a server; sizes are bytes, times seconds."""

    max_message: int = (64 << 20) + _ENVELOPE
    """One message: a body of the gateway's largest size that was buffered whole, and its envelope. Longer ones end
    their call with RESOURCE_EXHAUSTED."""
    max_kept: int = 256 << 20
    """Messages that are not complete, of all calls of a connection together."""
    max_kept_by_all: int = 1 << 30
    """The same of all connections: as much as bodies that are complete may take (``processor.MAX_HELD_BODIES``)."""
    max_connections: int = 1024
    """Connections at a time; further ones are closed at once. Proxies have one per worker thread."""
    max_calls: int = 1 << 16
    """Calls at a time, of all connections; from here on a connection gets none beyond the next ``CALLS_AT_ONCE``. One
    that waits for its first message takes a kilobyte, one with a request some more."""
    preface_timeout: float = 10.0
    """From a connection's beginning to its first SETTINGS; TLS has as much again for its handshake."""
    quiet: float = 60.0
    """A connection that says nothing for so long is asked whether it is still there (PING)…"""
    quiet_timeout: float = 20.0
    """…and cut when it does not answer within this: a peer whose machine is gone never says so."""
    write_high_water: int = 256 << 10
    """Bytes that a connection's transport holds before ``send`` says False on all of its calls."""
    write_most: int = 4 << 20
    """From here on a client that does not read is not read from either: answers that are only a status obey no window,
    and neither does what acknowledges. Everything that does is far below."""
    write_stall: float = 60.0
    """A connection that takes nothing of what is written for so long is cut."""
    linger: float = 1.0
    """How long a connection that is over waits for the client to close it, once everything is written."""
    tls_linger: float = 3.0
    """The same with TLS, from the end of its calls: to write what is left, and for the client's close_notify."""
    http2: ServerLimits = field(default_factory=ServerLimits)

    def for_bodies(self, largest: int) -> GrpcLimits:
        """The same where bodies of up to ``largest`` bytes are read: one that was buffered whole is one message. Where
        less is read, a longer one still comes through, to be refused in HTTP's words."""
        most = max(self.max_message, largest + _ENVELOPE)
        return self._with(most)

    def for_messages(self, longest: int) -> GrpcLimits:
        """The same where someone says how long a message may be."""
        return self._with(longest)

    def _with(self, longest: int) -> GrpcLimits:
        return replace(
            self,
            max_message=longest,
            max_kept=max(self.max_kept, longest),
            max_kept_by_all=max(self.max_kept_by_all, longest),
            http2=replace(self.http2, max_unsent=max(self.http2.max_unsent, 2 * longest)),
        )
