"""The answer's way through an ext_proc stream: observed for its usage, the model named as the client did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.extproc.processing_request import (
    BUFFERED,
    BUFFERED_PARTIAL,
    FULL_DUPLEX_STREAMED,
    NONE,
    RESPONSE_BODY,
    RESPONSE_HEADERS,
    RESPONSE_TRAILERS,
    STREAMED,
    ProcessingRequest,
    metadata_of,
)
from modelyard.extproc.processing_response import (
    answer,
    header_mutation,
    pieces,
    plain_answer,
    response_mode,
    trailers_answer,
)
from modelyard.http1.header_fields import index_fields

if TYPE_CHECKING:
    from modelyard.exchange.picked_request import PickedRequest
    from modelyard.extproc.processor_stream import ProcessorStream

NOT_SHOWN = 200
"""What an answer counts as whose status the proxy does not show (``forward_rules``): there is one, so its tokens
count."""

_SERVED_NAMESPACE, _SERVED_KEY = "envoy.lb", "x-gateway-destination-endpoint-served"


class ResponseSide:
    """One answer's direction."""

    __slots__ = ("_mode", "_stream", "complete", "size")

    def __init__(self, stream: ProcessorStream[Any]) -> None:
        self._stream = stream
        self._mode = FULL_DUPLEX_STREAMED
        self.complete = False
        """Everything that is shown of the answer has passed."""
        self.size = 0

    def on_headers(self, request: ProcessingRequest) -> None:
        stream = self._stream
        self._mode = stream.response_mode
        exchange = stream.picked
        if exchange is None:
            stream.send(plain_answer(RESPONSE_HEADERS))
            return
        by_name = index_fields(request.fields)
        if not stream.decided:
            exchange.record.status = _status(by_name)
            stream.answered()
            stream.send(plain_answer(RESPONSE_HEADERS))
            return
        served = metadata_of(request.metadata).get(_SERVED_NAMESPACE, {}).get(_SERVED_KEY)
        fields = exchange.on_response_head(
            _status(by_name), by_name, served if isinstance(served, str) else "", stream.processor.clock()
        )
        end = request.end_of_stream
        override = b"" if end else self._override(exchange)
        # What is changed later gets its length with its body, or none.
        without_length = exchange.changes_length and not end and self._mode != BUFFERED
        remove = ("content-length",) if without_length and "content-length" in by_name else ()
        if not fields and not remove and not override:
            stream.send(plain_answer(RESPONSE_HEADERS))
        else:
            mutation = header_mutation(fields, remove)
            stream.send(answer(RESPONSE_HEADERS, mutation=mutation, mode_override=override))
        self.complete = end or self._mode == NONE
        if end:
            stream.answered()
        elif self.complete:
            stream.watches()

    def _override(self, exchange: PickedRequest) -> bytes:
        """Have no body sent that nobody reads, and no event stream collected; where the proxy lets itself be told."""
        modes = self._stream.modes
        if (
            modes is None
            or modes.unprompted
            or modes.response in (NONE, FULL_DUPLEX_STREAMED)
            or modes.request == FULL_DUPLEX_STREAMED
        ):
            return b""
        if exchange.streams_events:
            if modes.response != BUFFERED:
                return b""
            self._mode = STREAMED
        elif exchange.observes:
            return b""
        else:
            self._mode = NONE
        return response_mode(modes.request, self._mode)

    def on_body(self, body: bytes, end: bool) -> None:
        exchange = self._stream.picked
        if exchange is None:
            self._give_back(body, body, end)
            return
        if not self.size and exchange.streams_events:
            exchange.record.time_to_first_byte = self._stream.processor.clock() - exchange.record.started
        self.size += len(body)
        out = exchange.on_response_data(body)
        if end or self._mode in (BUFFERED, BUFFERED_PARTIAL):
            out += exchange.on_response_end()
        self._give_back(body, out, end)
        if end:
            self.complete = True
            self._stream.answered()

    def _give_back(self, body: bytes, out: bytes, end: bool) -> None:
        stream = self._stream
        if self._mode == FULL_DUPLEX_STREAMED:
            for message in pieces(RESPONSE_BODY, out, end=end):
                stream.send(message)
        elif out is body or out == body:
            stream.send(_PLAIN_BODY)
        elif self._mode == BUFFERED:
            mutation = header_mutation([("content-length", str(len(out)))])
            stream.send(answer(RESPONSE_BODY, mutation=mutation, body=out))
        else:
            stream.send(answer(RESPONSE_BODY, body=out))

    def on_trailers(self) -> None:
        stream = self._stream
        exchange = stream.picked
        if exchange is not None:
            last = exchange.on_response_end()
            if last and self._mode == FULL_DUPLEX_STREAMED:
                self._give_back(b"", last, False)
        stream.send(trailers_answer(RESPONSE_TRAILERS))
        self.complete = True
        stream.answered()


_PLAIN_BODY = plain_answer(RESPONSE_BODY)


def _status(by_name: dict[str, str]) -> int:
    """Three digits (RFC 9110, section 15): any number would be a label of its own, and none that messages can carry."""
    status = by_name.get(":status", "")
    return int(status) if len(status) == 3 and status.isascii() and status.isdigit() else NOT_SHOWN
