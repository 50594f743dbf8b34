"""The body-based router of one process: what its streams share."""

from __future__ import annotations

from collections.abc import Callable

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.processor import CallLater, Processor
from modelyard.extproc.router_stream import NO_FIELD, NO_NAME, RouterStream
from modelyard.worker.protocol import RouterSettings

__all__ = ["NO_FIELD", "NO_NAME", "BodyBasedRouter"]


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

    def apply(self, settings: RouterSettings) -> None:
        self.settings = settings

    @property
    def header_names(self) -> frozenset[str]:
        """Headers that are set from a body: a client's own copies never pass."""
        names = self.gateway.body_header_names
        return names | {BASE_MODEL_NAME} if self.settings.base_model_header else names

    def open(self, stream: GrpcStream) -> RouterStream:
        """What the server calls for every stream of ``PROCESS``."""
        return RouterStream(self, stream)
