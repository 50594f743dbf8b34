"""The body-based router of one process: what its streams share."""

from __future__ import annotations

import logging
from collections.abc import Callable

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.processing_request import STREAMED, BodyModes
from modelyard.extproc.processor import CallLater, Processor
from modelyard.extproc.router_counts import RouterCounts
from modelyard.extproc.router_stream import NO_FIELD, NO_NAME, RouterStream
from modelyard.worker.protocol import RouterSettings

__all__ = ["NO_FIELD", "NO_NAME", "BodyBasedRouter"]

log = logging.getLogger(__name__)


class BodyBasedRouter(Processor):
    """Opens a ``RouterStream`` for every ext_proc stream. Which field goes to which header, and adapters' base models,
    are in the gateway's snapshot, as it is when a body is read."""

    def __init__(
        self,
        gateway: Gateway,
        record_sink: Callable[[ExchangeRecord], None],
        clock: Callable[[], float],
        call_later: CallLater,
        settings: RouterSettings | None = None,
    ) -> None:
        """``record_sink`` gets the record of every request: its model, and ``NO_FIELD`` as its reason where the body
        had none of the fields that were looked for."""
        super().__init__(gateway, clock, call_later)
        self.record_sink = record_sink
        self.settings = settings or RouterSettings()
        self.counts = RouterCounts(clock)
        self._noticed = False

    def apply(self, settings: RouterSettings) -> None:
        self.settings = settings

    def notice(self, modes: BodyModes) -> None:
        """Say once that a mode is of no use in which the route is chosen before the body is shown."""
        if modes.request == STREAMED and not modes.unprompted and not self._noticed:
            self._noticed = True
            log.warning(
                "a proxy sends request bodies as STREAMED, in which it chooses the route before it shows them: set"
                " request_body_mode: FULL_DUPLEX_STREAMED (or BUFFERED) for the body-based router"
            )

    @property
    def header_names(self) -> frozenset[str]:
        """Headers that are set from a body: a client's own copies never pass."""
        names = self.gateway.body_header_names
        return names | {BASE_MODEL_NAME} if self.settings.base_model_header else names

    def open(self, stream: GrpcStream) -> RouterStream:
        """What the server calls for every stream of ``PROCESS``."""
        return RouterStream(self, stream)
