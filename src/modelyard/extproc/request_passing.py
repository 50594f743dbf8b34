"""How pieces of a request's body go on whose headers have gone ahead, in an ext_proc stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.bodies.json_rename import ValueRenamer
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL
from modelyard.extproc.processing_request import REQUEST_BODY, STREAMED
from modelyard.extproc.processing_response import answer
from modelyard.extproc.request_answering import COLLECTING, DONE, PASSING, PLAIN_BODY, RequestAnswering

if TYPE_CHECKING:
    from modelyard.extproc.processed_request import ProcessedRequest
    from modelyard.extproc.processor_stream import ProcessorStream


class RequestPassing(RequestAnswering):
    """The part of ``RequestSide`` that sees a body piece by piece."""

    __slots__ = ("_renamer",)

    def __init__(self, stream: ProcessorStream[Any]) -> None:
        super().__init__(stream)
        self._renamer: ValueRenamer | None = None

    def _keep(self, body: bytes) -> bool:
        processor, exchange = self._stream.processor, self._stream.exchange
        assert exchange is not None
        limit = processor.gateway.settings.body_limit
        if self.size > limit:
            self._stream.respond(exchange.too_large(limit))
            return False
        if not processor.hold(len(body)):
            self._stream.respond(exchange.overloaded())
            return False
        self._held += len(body)
        self._body.add(body)
        return True

    def _pass(self, body: bytes, end: bool) -> None:
        """A piece of a body whose headers have gone ahead."""
        exchange = self._stream.exchange
        if exchange is None:
            self._stream.send(PLAIN_BODY)
            return
        if self._shown == 1 and self._mode == STREAMED and not exchange.answer_began:
            if end:
                self._choose_again(exchange, body)
                return
            self._begin_renaming(exchange, body)
        self._phase = DONE if end else PASSING
        renamer = self._renamer
        if renamer is None:
            self._stream.send(PLAIN_BODY)
            return
        renamed = renamer.feed(body) + (renamer.finish() if end else b"")
        self._stream.send(PLAIN_BODY if renamed == body else answer(REQUEST_BODY, body=renamed))

    def _choose_again(self, exchange: ProcessedRequest, body: bytes) -> None:
        """The proxy shows the whole body: perhaps the headers are still with it, perhaps they have gone ahead."""
        if not self._keep(body):
            return
        self.decided = False
        self._phase = COLLECTING
        began, picked = self._now(), self._stream.picked
        choose = exchange.on_late_body if picked is None else picked.on_shown_body
        self._decide(choose(body, began), began)

    def _begin_renaming(self, exchange: ProcessedRequest, beginning: bytes) -> None:
        name = exchange.late_name(beginning)
        if name is not None:
            self._renamer = ValueRenamer(TOP_LEVEL_MODEL, msgspec.json.encode(name))
