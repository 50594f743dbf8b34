"""One ext_proc stream of the endpoint picker."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from modelyard.exchange.contract import Outcome
from modelyard.exchange.endpoint_subset import subset_of
from modelyard.exchange.picked_request import PickedRequest
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.refusals import refuse
from modelyard.exchange.trusted_headers import is_trusted
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.pool_choice import UNKNOWN_POOL
from modelyard.extproc.processing_request import ProcessingRequest, metadata_of
from modelyard.extproc.processor_stream import ProcessorStream
from modelyard.extproc.protobuf_struct import Plain
from modelyard.extproc.request_heads import request_head, take_forged
from modelyard.http2.grpc import OK

if TYPE_CHECKING:
    from modelyard.extproc.endpoint_picker import EndpointPicker

_SUBSET_NAMESPACE, _SUBSET_KEY = "envoy.lb.subset_hint", "x-gateway-destination-endpoint-subset"


class PickerStream(ProcessorStream[PickedRequest]):
    """Made by ``EndpointPicker.open``; a ``StreamHandler``."""

    __slots__ = ("_counted", "_metadata", "_picker")

    def __init__(self, picker: EndpointPicker, stream: GrpcStream) -> None:
        super().__init__(picker, stream)
        self._picker = picker
        self._metadata = b""
        """As it came last."""
        self._counted = False
        """The pick is."""

    def open(self, request: ProcessingRequest) -> PickedRequest | None:
        """The exchange of the request whose first message this is; None: it was refused."""
        picker = self._picker
        head = request_head(request.fields)
        self._metadata = request.metadata
        metadata: dict[str, dict[str, Plain]] = metadata_of(request.metadata)
        plan = picker.pools.choose(self.stream.metadata, metadata)
        exchange = None
        if plan is not None:
            self.fails_open = plan.fails_open
            settings = picker.settings
            exchange = picker.gateway.open_picked(
                plan.key,
                head,
                picker.clock(),
                within=self._subset(metadata),
                forged=take_forged(head),
                most_endpoints=settings.most_endpoints,
                any_path=not settings.only_model_api,
            )
        if exchange is None:
            picker.unknown_pool(head, self.stream.metadata, metadata)
            message = "The endpoint picker does not know for which InferencePool this request is."
            self.respond(refuse(503, message, code=UNKNOWN_POOL))
            return None
        self.exchange = exchange
        picker.open_requests.add(exchange)
        return exchange

    def on_decided(self) -> None:
        exchange = self.exchange
        if exchange is not None and not self._counted and (self._request.whole or exchange.record.model):
            self._count_pick(exchange.record)

    def _count_pick(self, record: ExchangeRecord) -> None:
        """Once, and by its model: where that may still be shown, the pick is counted later."""
        if record.endpoint:
            self._counted = True
            if self._request.whole:
                record.request_bytes, record.sized = self._request.size, True
            self._picker.picked_sink(record)

    def forged(self, trailers: Collection[str]) -> list[str]:
        return [name for name in trailers if is_trusted(name)]

    def _subset(self, metadata: dict[str, dict[str, Plain]]) -> frozenset[str] | None:
        """The only addresses that may be picked; None: the proxy names none."""
        hint = metadata.get(_SUBSET_NAMESPACE) if self._picker.settings.honours_subset else None
        return subset_of(hint[_SUBSET_KEY]) if hint and _SUBSET_KEY in hint else None

    def _metadata_came(self, metadata: bytes) -> None:
        exchange = self.exchange
        if exchange is None or metadata == self._metadata:
            return
        self._metadata = metadata
        within = self._subset(metadata_of(metadata))
        if within is not None:
            exchange.narrow(within)

    @property
    def picked(self) -> PickedRequest | None:
        return self.exchange

    def _answer_shown(self) -> None:
        self._picker.shows_answers = True

    def watches(self) -> None:
        if self._picker.ending:
            self.let_go()
        else:
            self._picker.watching.add(self)

    def let_go(self) -> None:
        """End a stream that only watches for an answer's end: nothing of the answer is on its way here."""
        if not self.ended and self._request.complete:
            self.stream.finish(OK)
            self._end("done")

    def _outcome(self) -> Outcome:
        exchange = self.exchange
        if exchange is None or not self._request.decided:
            return "client_gone"
        if exchange.record.status:
            return "done" if self._response.complete else "client_gone"
        return "client_gone" if self._picker.shows_answers else "done"

    def _finish_exchange(self, outcome: Outcome) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            picker = self._picker
            picker.open_requests.discard(exchange)
            picker.watching.discard(self)
            exchange.resume = None
            record = exchange.on_end(outcome, picker.clock())
            record.request_bytes = self._request.size
            record.response_bytes = self._response.size
            if self._request.decided and not self._counted:
                self._count_pick(record)
            picker.record_sink(record)


class ScoringPickerStream(PickerStream):
    """The same where picks carry their endpoints' scores."""

    __slots__ = ()

    def open(self, request: ProcessingRequest) -> PickedRequest | None:
        exchange = super().open(request)
        if exchange is not None:
            exchange.wants_scores = True
        return exchange
