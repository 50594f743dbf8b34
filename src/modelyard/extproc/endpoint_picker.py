"""The endpoint picker of one process: what its streams share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.picked_request import PickedRequest
from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.picker_stream import PickerStream
from modelyard.extproc.pool_choice import PoolChoice
from modelyard.extproc.processor import PROCESS, CallLater, Processor
from modelyard.snapshot import Snapshot
from modelyard.worker.protocol import PickerSettings

__all__ = ["PROCESS", "EndpointPicker"]


class EndpointPicker(Processor):
    """Opens a ``PickerStream`` for every ext_proc stream."""

    def __init__(
        self,
        gateway: Gateway,
        record_sink: Callable[[ExchangeRecord], None],
        clock: Callable[[], float],
        call_later: CallLater,
        settings: PickerSettings | None = None,
    ) -> None:
        """``record_sink`` gets the record of every finished request."""
        super().__init__(gateway, clock, call_later)
        self.record_sink = record_sink
        self.open_requests: set[PickedRequest] = set()
        """Of all streams."""
        self.shows_answers = False
        """Some stream has got as far as an answer: one that ends before has lost its client."""
        self.apply(settings or PickerSettings(), gateway.snapshot)

    def apply(self, settings: PickerSettings, snapshot: Snapshot) -> None:
        """Serve the pools of ``snapshot``, which is in force in the gateway; open streams end as they began."""
        self.settings = settings
        self.pools = PoolChoice(snapshot.pools.values(), settings.only_pool)

    def running(self) -> dict[str, int]:
        """Requests that endpoints are busy with now, by the model that was asked for."""
        return dict(Counter(one.record.model for one in self.open_requests if one.record.endpoint))

    def open(self, stream: GrpcStream) -> PickerStream:
        """What the server calls for every stream of ``PROCESS``."""
        return PickerStream(self, stream)
