"""One ext_proc stream of the body-based router: fields of the request's body become headers that routes match.

A client's own copies of those headers go, in whatever spelling, so that a body without the field leaves them unset. The
body goes back byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from modelyard.exchange.commands import Picked, Respond
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.refusals import refuse
from modelyard.exchange.routed_body import ModelMember, headers_of_beginning, routing_headers
from modelyard.extproc.processing_request import (
    BUFFERED,
    BUFFERED_PARTIAL,
    NONE,
    REQUEST_HEADERS,
    BodyModes,
    ProcessingRequest,
)
from modelyard.extproc.processing_response import answer, header_mutation
from modelyard.extproc.processor_stream import ProcessorStream
from modelyard.extproc.request_heads import request_head
from modelyard.http2.grpc import OK

if TYPE_CHECKING:
    from modelyard.exchange.contract import Outcome
    from modelyard.extproc.body_based_router import BodyBasedRouter
    from modelyard.extproc.grpc_stream import GrpcStream
    from modelyard.http1.message_heads import Headers, RequestHead

NO_FIELD = "field_not_found"
"""Reason in the record of a request whose body had none of the fields."""
NO_NAME = "field_not_readable"
"""The same where it had a ``model`` that is no name."""


class RouterStream(ProcessorStream["RoutedRequest"]):
    """Made by ``BodyBasedRouter.open``; a ``StreamHandler``."""

    __slots__ = ("_router",)

    def __init__(self, router: BodyBasedRouter, stream: GrpcStream) -> None:
        super().__init__(router, stream)
        self._router = router
        if not router.settings.streaming:
            self.modes = BodyModes(BUFFERED, BUFFERED)
        self.fails_open = True  # where nothing can be said of a body, the request goes on as it is

    def on_message(self, message: bytes) -> None:
        super().on_message(message)
        self._leave()

    def later(self, step: Callable[[], None]) -> None:
        super().later(step)
        self._leave()

    def _leave(self) -> None:
        """End the stream once the request has passed, where the proxy shows nothing of the answer's body: it would keep
        it until the answer's end, and cut the answer where this process ended before."""
        if not self.ended and self.modes is not None and self.modes.response == NONE and self._request.over:
            self.stream.finish(OK)
            self._end("done")

    def forged(self, trailers: Collection[str]) -> list[str]:
        names = self._router.header_names
        return [name for name in trailers if name in names or name.replace("_", "-") in names]

    def before_the_body(self, mode: int) -> bytes:
        """In BUFFERED_PARTIAL Envoy 1.40 cannot choose the route anew with the answer to a body (``_answer_bodies``).
        Where it forgets the route now, it looks for it after that, with the headers that the body has given."""
        if mode != BUFFERED_PARTIAL or self.exchange is None:
            return super().before_the_body(mode)
        mutation = header_mutation((), self.exchange.without_body().remove_headers)
        return answer(REQUEST_HEADERS, mutation=mutation, clear_route_cache=True)

    def open(self, request: ProcessingRequest) -> RoutedRequest:
        if self.modes is not None and not request.end_of_stream:
            self._router.notice(self.modes)
        self.exchange = exchange = RoutedRequest(self._router, request_head(request.fields))
        return exchange

    def _finish_exchange(self, outcome: Outcome) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            record = exchange.record
            record.duration = self._router.clock() - record.started
            record.request_bytes = self._request.size
            if outcome != "done":
                record.reason = record.reason or outcome
            self._router.record_sink(record)

    def _outcome(self) -> Outcome:
        return "done" if self._request.decided else "client_gone"


class RoutedRequest:
    """One request; a ``ProcessedRequest``."""

    __slots__ = ("_forged", "_head", "_router", "record", "resume")

    renames = False
    answer_began = False
    longest_wait = 0.0

    def __init__(self, router: BodyBasedRouter, head: RequestHead) -> None:
        self._router = router
        self._head = head
        names = router.header_names
        self._forged = [name for name in head.by_name if name in names or name.replace("_", "-") in names]
        self.record = ExchangeRecord(head.method, head.path, started=router.clock())
        self.record.request_id = head.by_name.get("x-request-id", "")
        self.resume: Callable[[Picked | Respond], None] | None = None

    def on_request(self, body: bytes | None, now: float) -> Picked:
        router = self._router
        if body is None:
            return self.without_body()
        if not body:
            return self._found([])
        base_model = router.settings.base_model_header
        member = ModelMember(body)
        fields, model = routing_headers(
            router.gateway, self._head, body, base_model=base_model, watch=router.counts, member=member
        )
        self.record.model = model or ""
        if not fields:
            self.record.reason = NO_NAME if model is None and member.written else NO_FIELD
        return self._found(fields)

    def without_body(self) -> Picked:
        """Named even where none of them was sent: with that, the proxy chooses the route anew."""
        return Picked("", None, [], sorted({*self._forged, *self._router.header_names}))

    def on_partial(self, beginning: bytes, now: float) -> Picked:
        router = self._router
        base_model = router.settings.base_model_header
        return self._found(headers_of_beginning(router.gateway, beginning, base_model=base_model))

    def on_late_body(self, body: bytes, now: float) -> Picked:
        return self.on_request(body, now)

    def late_name(self, beginning: bytes) -> None:
        return None

    def _found(self, fields: Headers) -> Picked:
        """What is set takes the place of a client's own; other spellings, and what is not set, are removed."""
        if fields:
            self._router.counts.routed()
        names = {name for name, _ in fields}
        return Picked("", None, fields, [name for name in self._forged if name not in names])

    def too_large(self, limit: int) -> Respond:
        message = f"The request body is larger than {limit} bytes: send less, or raise --max-body."
        self.record.status = 413
        return refuse(413, message, code="body_too_large")

    def overloaded(self) -> Respond:
        message = "The body-based router holds as many request bodies as it may; try again soon."
        self.record.status = 503
        return refuse(503, message, code="overloaded", headers=[("retry-after", "1")])

    def unpicked(self) -> Picked:
        """Nothing can be said of the body: the request goes on without the headers, a client's own included."""
        return Picked("", None, [], self._forged)

    def drop_body(self) -> None:
        """Nothing is kept of it."""
