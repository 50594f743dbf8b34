"""What all ext_proc streams of one process share, whatever they decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from modelyard.exchange.gateway import Gateway

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
"""The method that proxies call."""

MAX_HELD_BODIES = 1 << 30
"""Bytes of request bodies held at a time: thousands of queued requests with long contexts fit; the machine's memory is
not one client's to take. Above it 503."""


class Alarm(Protocol):
    """A call that comes later."""

    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Alarm]
"""As ``call_later`` of an event loop."""


class Processor:
    """Base of the endpoint picker and the body-based router. Not thread-safe."""

    def __init__(self, gateway: Gateway, clock: Callable[[], float], call_later: CallLater) -> None:
        """``clock`` is monotonic."""
        self.gateway = gateway
        self.clock = clock
        self.call_later = call_later
        self.held_bodies = 0
        """Bytes of request bodies that streams hold."""
        self.bodies_come_unasked = False
        """Some proxy that says nothing of its modes has sent a body before its headers were answered."""

    def hold(self, size: int) -> bool:
        """Count ``size`` more bytes of a body; False: there are as many as there may be."""
        if self.held_bodies + size > MAX_HELD_BODIES:
            return False
        self.held_bodies += size
        return True

    def let_go(self, size: int) -> None:
        self.held_bodies -= size
