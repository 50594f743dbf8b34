"""The endpoint picker of one process: what its streams share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.exchange.explanation import explain_picked
from modelyard.exchange.gateway import Gateway
from modelyard.exchange.picked_request import PickedRequest
from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.picker_stream import PickerStream, ScoringPickerStream
from modelyard.extproc.pool_choice import POOL_KEY, UNKNOWN_POOL, PoolChoice, asked_for
from modelyard.extproc.processor import PROCESS, CallLater, Processor
from modelyard.extproc.protobuf_struct import Plain
from modelyard.extproc.seldom_told import SeldomTold
from modelyard.fleet.fleet import BackendKey
from modelyard.http1.message_heads import RequestHead
from modelyard.snapshot import Snapshot, service_plans
from modelyard.worker.protocol import PickerSettings

__all__ = ["PROCESS", "EndpointPicker"]

_MOST_NAMED = 5
"""Pools that a line of the log names."""


class EndpointPicker(Processor):
    """Opens a ``PickerStream`` for every ext_proc stream."""

    def __init__(
        self,
        gateway: Gateway,
        record_sink: Callable[[ExchangeRecord], None],
        clock: Callable[[], float],
        call_later: CallLater,
        settings: PickerSettings | None = None,
        picked_sink: Callable[[ExchangeRecord], None] = lambda record: None,
    ) -> None:
        """``record_sink`` gets the record of every finished request; ``picked_sink`` the same record once an endpoint
        is picked."""
        super().__init__(gateway, clock, call_later)
        self.record_sink = record_sink
        self.picked_sink = picked_sink
        self.open_requests: set[PickedRequest] = set()
        """Of all streams."""
        self.watching: set[PickerStream] = set()
        """Streams that wait for nothing but the end of an answer."""
        self.ending = False
        """``stop_watching`` was called."""
        self.shows_answers = False
        """Some stream has got as far as an answer: one that ends before has lost its client."""
        self._told = SeldomTold(clock)
        self.apply(settings or PickerSettings(), gateway.snapshot)

    def apply(self, settings: PickerSettings, snapshot: Snapshot) -> None:
        """Serve the pools of ``snapshot``, which is in force in the gateway; open streams end as they began."""
        self.settings = settings
        self._stream_type = ScoringPickerStream if settings.emits_scores else PickerStream
        services = service_plans(snapshot) if settings.services else ()
        self.pools = PoolChoice([*snapshot.pools.values(), *services], settings.only_pool)

    def running(self) -> dict[str, int]:
        """Requests that endpoints are busy with now, by the model that was asked for."""
        return dict(Counter(one.record.model for one in self.open_requests if one.record.endpoint))

    def stop_watching(self) -> None:
        """The process is about to end. An answer that is only watched may last for minutes, and a stream that is cut
        takes it along where the proxy fails closed; one that is ended does not."""
        self.ending = True
        for stream in list(self.watching):
            stream.let_go()

    def unknown_pool(
        self, head: RequestHead, stream: Mapping[str, str], metadata: Mapping[str, Mapping[str, Plain]]
    ) -> None:
        """Count and tell a request for a pool that is not served here."""
        names = self.pools.names
        served = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
        self._told.tell(
            f"{asked_for(stream, metadata)}; this picker serves {served or 'no pool'} (the gateway's route names it by "
            f"{POOL_KEY})"
        )
        record = ExchangeRecord(head.method, head.path, started=self.clock())
        record.status, record.reason = 503, UNKNOWN_POOL
        record.request_id = head.by_name.get("x-request-id", "")
        self.record_sink(record)

    def explain(self, pool: str, head: RequestHead, body: bytes, now: float) -> dict[str, Any]:
        """Where a request to ``pool`` (``namespace/name``) would go and why. Raises ValueError: there is none."""
        namespace, _, name = pool.partition("/")
        key = BackendKey(kind="InferencePool", namespace=namespace, name=name)
        settings = self.settings
        answer = explain_picked(
            self.gateway,
            key,
            head,
            body,
            now,
            most_endpoints=settings.most_endpoints,
            any_path=not settings.only_model_api,
        )
        if answer is None:
            raise ValueError(f"there is no InferencePool {pool}")
        return answer

    def open(self, stream: GrpcStream) -> PickerStream:
        """What the server calls for every stream of ``PROCESS``."""
        return self._stream_type(self, stream)
