"""The endpoint picker of one process: what its streams share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.picker_stream import PickerStream
from modelyard.extproc.pool_choice import PoolChoice
from modelyard.snapshot import Snapshot
from modelyard.worker.protocol import PickerSettings

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
"""The method that proxies call."""

MAX_HELD_BODIES = 1 << 30
"""Bytes of request bodies held at a time: thousands of queued requests with long contexts fit; the machine's memory is
not one client's to take. Above it 503."""

log = logging.getLogger(__name__)


class Alarm(Protocol):
    """A call that comes later."""

    def cancel(self) -> None: ...


class EndpointPicker:
    """Opens a ``PickerStream`` for every ext_proc stream. Not thread-safe."""

    def __init__(
        self,
        gateway: Gateway,
        record_sink: Callable[[ExchangeRecord], None],
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Alarm],
        settings: PickerSettings | None = None,
    ) -> None:
        """``record_sink`` gets the record of every finished request; ``clock`` is monotonic; ``call_later`` is as the
        event loop's."""
        self.gateway = gateway
        self.record_sink = record_sink
        self.clock = clock
        self.call_later = call_later
        self.held_bodies = 0
        """Bytes of request bodies that streams hold."""
        self.bodies_come_unasked = False
        """Some proxy that says nothing of its modes has sent a body before its headers were answered."""
        self.shows_answers = False
        """Some stream has got as far as an answer: one that ends before has lost its client."""
        self.apply(settings or PickerSettings(), gateway.snapshot)

    def apply(self, settings: PickerSettings, snapshot: Snapshot) -> None:
        """Serve the pools of ``snapshot``, which is in force in the gateway; open streams end as they began."""
        self.settings = settings
        self.pools = PoolChoice(snapshot.pools.values(), settings.only_pool)

    def open(self, stream: GrpcStream) -> PickerStream:
        """What the server calls for every stream of ``PROCESS``."""
        return PickerStream(self, stream)

    def hold(self, size: int) -> bool:
        """Count ``size`` more bytes of a body; False: there are as many as there may be."""
        if self.held_bodies + size > MAX_HELD_BODIES:
            return False
        self.held_bodies += size
        return True

    def let_go(self, size: int) -> None:
        self.held_bodies -= size
