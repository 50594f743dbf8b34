"""One ext_proc stream: one HTTP request, from its head to the last byte of its answer.

``RequestSide`` and ``ResponseSide`` each know one direction; here is what they share: the request under way, and the
stream's end, at which every counter goes back, however it comes.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from modelyard.exchange.commands import Respond
from modelyard.exchange.contract import Outcome
from modelyard.exchange.picked_request import PickedRequest
from modelyard.exchange.refusals import refuse
from modelyard.extproc.grpc_stream import GrpcStream
from modelyard.extproc.processed_request import ProcessedRequest
from modelyard.extproc.processing_request import (
    FULL_DUPLEX_STREAMED,
    REQUEST_BODY,
    REQUEST_HEADERS,
    REQUEST_TRAILERS,
    RESPONSE_BODY,
    RESPONSE_HEADERS,
    RESPONSE_TRAILERS,
    STREAMED,
    BodyModes,
    OutOfOrder,
    ProcessingRequest,
    read_request,
)
from modelyard.extproc.processing_response import immediate, plain_answer
from modelyard.extproc.processor import Processor
from modelyard.extproc.protobuf_wire import MalformedMessage
from modelyard.extproc.request_side import RequestSide
from modelyard.extproc.response_side import ResponseSide
from modelyard.http2.grpc import INTERNAL, INVALID_ARGUMENT, OK

log = logging.getLogger(__name__)

_RESPONSE = frozenset({RESPONSE_HEADERS, RESPONSE_BODY, RESPONSE_TRAILERS})

Request = TypeVar("Request", bound=ProcessedRequest)


class ProcessorStream(Generic[Request]):
    """A ``StreamHandler``. What is decided, and what is counted, is the subclass's matter."""

    __slots__ = (
        "_half_closed",
        "_request",
        "_response",
        "ended",
        "exchange",
        "fails_open",
        "modes",
        "processor",
        "stream",
    )

    def __init__(self, processor: Processor, stream: GrpcStream) -> None:
        self.processor = processor
        self.stream = stream
        self.exchange: Request | None = None
        self.modes: BodyModes | None = None
        """What the proxy says of itself; None: nothing."""
        self.fails_open = False
        """Where this program fails, the request goes on undecided."""
        self.ended = False
        self._half_closed = False
        self._request = RequestSide(self)
        self._response = ResponseSide(self)

    # ── of the subclass ──

    @abstractmethod
    def open(self, request: ProcessingRequest) -> Request | None:
        """Set ``exchange`` for the request whose first message this is; None: it was refused."""

    @abstractmethod
    def _finish_exchange(self, outcome: Outcome) -> None:
        """The request is over. May be called again."""

    @property
    def picked(self) -> PickedRequest | None:
        """Who looks at the answer; None: nobody."""
        return None

    @abstractmethod
    def forged(self, trailers: Collection[str]) -> list[str]:
        """Which of these trailers only Modelyard sets as headers: they go, whatever merges trailers with headers."""

    def before_the_body(self, mode: int) -> bytes:
        """The answer to headers whose body the proxy collects in ``mode``."""
        return plain_answer(REQUEST_HEADERS)

    def on_decided(self) -> None:
        """It is decided where the request goes; perhaps not for the first time."""

    def _metadata_came(self, metadata: bytes) -> None:
        """A message of the request's body or its trailers carries dynamic metadata."""

    def _answer_shown(self) -> None:
        """The proxy shows an answer."""

    def watches(self) -> None:
        """From here on the proxy shows nothing but the answer's end."""

    def _outcome(self) -> Outcome:
        return "done"

    # ── what the server calls ──

    def on_message(self, message: bytes) -> None:
        if self.ended:
            return
        try:
            request = read_request(message)
            if not request.observability:
                self._take(request)
        except (MalformedMessage, OutOfOrder) as fault:
            self.fail(INVALID_ARGUMENT, str(fault))
        except Exception:
            log.exception("an ext_proc stream failed")
            self._broken()

    def on_message_begun(self, size: int) -> None:
        self.later(self._request.on_body_begun)

    def on_half_close(self) -> None:
        if not self.ended:
            self._half_closed = True
            self.later(self._request.no_more)

    def on_cancelled(self) -> None:
        self._end(self._outcome())

    def on_writable(self) -> None:
        self.later(self._request.on_writable)
        if not self.ended:
            self.stream.resume_reading()

    def later(self, step: Callable[[], None]) -> None:
        """Do ``step``, which no message asked for; a fault of it is this stream's alone."""
        if self.ended:
            return
        try:
            step()
        except Exception:
            log.exception("an ext_proc stream failed")
            self._broken()
        self.settled()

    # ── messages ──

    def _take(self, request: ProcessingRequest) -> None:
        if request.modes is not None:
            self.modes = request.modes
        phase = request.phase
        if phase in _RESPONSE and not self._request.decided:
            # The proxy answers by itself: the request is over.
            self._request.drop()
            if phase != RESPONSE_HEADERS:
                self.answered()
        if phase == RESPONSE_BODY:
            self._response.on_body(request.body, request.end_of_stream)
        elif phase == REQUEST_HEADERS:
            self._request.on_headers(request)
        elif phase == REQUEST_BODY:
            if request.metadata:
                self._metadata_came(request.metadata)
            self._request.on_body(request)
        elif phase == RESPONSE_HEADERS:
            self._answer_shown()
            self._response.on_headers(request)
        elif phase == REQUEST_TRAILERS:
            if request.metadata:
                self._metadata_came(request.metadata)
            self._request.on_trailers(request)
        elif phase == RESPONSE_TRAILERS:
            self._response.on_trailers()

    @property
    def decided(self) -> bool:
        """The proxy knows where the request goes."""
        return self._request.decided

    @property
    def response_mode(self) -> int:
        """How the answer's body comes. A proxy that says nothing treats both bodies alike."""
        if self.modes is not None:
            return min(self.modes.response, FULL_DUPLEX_STREAMED)
        return STREAMED if self._request.takes_plain_answers else FULL_DUPLEX_STREAMED

    def send(self, message: bytes) -> None:
        """One answer. A proxy that does not take it is not read from until it does."""
        if not self.stream.send(message):
            self.stream.pause_reading()

    # ── the end ──

    def respond(self, command: Respond) -> None:
        """Answer the client without an endpoint; the stream ends with that."""
        answer = immediate(command.status, command.headers, command.body, command.reason)
        self.stream.send(answer, last=True)
        self._end("done")

    def fail(self, status: int, message: str) -> None:
        """End the stream with an error. The proxy does as it is told for that case, so never with OK."""
        if not self.ended:
            self.stream.finish(status, message)
            self._end("client_gone")

    def answered(self) -> None:
        """The last byte of the answer has passed."""
        self._finish_exchange("done")

    def settled(self) -> None:
        """The client sends no more: end the stream once nothing is owed."""
        if self._half_closed and not self.ended and not self._request.owes:
            self.stream.finish(OK)
            self._end(self._outcome())

    def _broken(self) -> None:
        """A fault of this program."""
        if self.ended:
            return
        if self.exchange is not None and not self._request.decided:
            if self.fails_open and self._request.pass_unpicked():
                return
            message = "The gateway's processor failed on this request; its log tells why."
            self.respond(refuse(500, message, code="internal_error"))
            return
        self.fail(INTERNAL, "the processor failed on this request; its log tells why")

    def _end(self, outcome: Outcome) -> None:
        if not self.ended:
            self.ended = True
            self._request.drop()
            self._finish_exchange(outcome)
            # What refers to itself stays until the garbage collector comes, which is seldom.
            del self._request._stream, self._response._stream
