"""The request's way through an ext_proc stream: its head, body and trailers come in, the pick and the body go back.

What a proxy wants to hear when depends on how it sends bodies (``ProcessingMode.BodySendMode``). It says so in its
first message, or shows it:

====================== ============================ ==========================================================
mode                   headers are answered         the pick is in the answer to
====================== ============================ ==========================================================
NONE, or no body       at once                      the headers
FULL_DUPLEX_STREAMED   when the body is whole       the headers; the body follows in pieces
BUFFERED               at once, with nothing        the body
BUFFERED_PARTIAL       at once, with nothing; by    the body, of which the beginning is shown
                       the router with no route
STREAMED               at once                      the headers; the body's, where it comes in one message and the
                                                    endpoint does not suit it
STREAMED, unprompted   when the body is whole,      the headers; each piece of the body is answered
                       or much of it is here
not said               when the body is whole, or   as in FULL_DUPLEX_STREAMED; where the headers had to be
                       nothing comes                answered first, as in STREAMED
====================== ============================ ==========================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.exchange.commands import Picked, Respond
from modelyard.extproc.processing_request import (
    BUFFERED,
    BUFFERED_PARTIAL,
    FULL_DUPLEX_STREAMED,
    NONE,
    STREAMED,
    OutOfOrder,
    ProcessingRequest,
)
from modelyard.extproc.processing_response import more_time
from modelyard.extproc.request_answering import (
    COLLECTING,
    DECIDING,
    DONE,
    NEW,
    PASSING,
    SENDING,
    STREAMED_UNPROMPTED,
    UNSAID,
)
from modelyard.extproc.request_passing import RequestPassing

if TYPE_CHECKING:
    from modelyard.extproc.processor import Alarm
    from modelyard.extproc.processor_stream import ProcessorStream

SILENCE = 0.1
"""Seconds without a body after which a proxy that says nothing of its modes is taken for one that waits for an answer
to the headers: half of the time for which Envoy waits by default (``message_timeout``)."""
LONG_SILENCE = 3.0
"""The same once a proxy that says nothing has sent bodies unasked: its clients may be slow with theirs."""
HELD_WHEN_STREAMED = 24 * 1024
"""Bytes of a body that a proxy may be kept waiting for in STREAMED without prompting: it sends no more than its own
buffer holds (32 KiB in hardened configurations) before it has an answer."""
LONG_BODY_SECONDS = 30.0
"""How long the largest body may take from the proxy to here, and to be read, on a machine that has much to do."""


class RequestSide(RequestPassing):
    """One request's direction."""

    __slots__ = ("_alarm", "_late")

    def __init__(self, stream: ProcessorStream[Any]) -> None:
        super().__init__(stream)
        self._alarm: Alarm | None = None
        self._late = False
        """The body began while a choice without it was awaited."""

    @property
    def takes_plain_answers(self) -> bool:
        """The proxy waited for an answer to the headers before it showed a body, or collected it by itself: it wants no
        body back that is not changed."""
        return self._mode in (STREAMED, BUFFERED)

    @property
    def complete(self) -> bool:
        """Everything of the request has passed, or been dropped."""
        return self._phase == DONE

    @property
    def owes(self) -> bool:
        """Something is to be sent that nothing more must come for."""
        return self._phase in (DECIDING, SENDING)

    # ── what comes ──

    def on_headers(self, request: ProcessingRequest) -> None:
        if self._phase != NEW:
            raise _out_of_order("request headers")
        modes = self._stream.modes
        self._ended = request.end_of_stream
        if self._ended:
            self._mode = NONE
        elif modes is not None:
            unprompted = modes.unprompted and modes.request == STREAMED
            self._mode = STREAMED_UNPROMPTED if unprompted else min(modes.request, FULL_DUPLEX_STREAMED)
        if self._stream.open(request) is None:
            return
        self._phase = COLLECTING
        self._owes_headers = True
        if self._mode in (NONE, STREAMED):
            self._choose_unseen()
        elif self._mode in (BUFFERED, BUFFERED_PARTIAL):
            self._owes_headers = False
            self._stream.send(self._stream.before_the_body(self._mode))
        elif self._mode == UNSAID:
            processor = self._stream.processor
            patience = LONG_SILENCE if processor.bodies_come_unasked else SILENCE
            self._alarm = processor.call_later(patience, self._silence_lasted)

    def on_body(self, request: ProcessingRequest) -> None:
        body, end = request.body, request.end_of_stream
        if self._phase == NEW and not self._begin_without_headers(request):
            return
        if self._ended or self._phase == DONE:
            if self._phase == DONE and self._stream.exchange is None:
                return
            raise _out_of_order("request body")
        self.size += len(body)
        self._shown += 1
        self._ended = end
        if self._phase == PASSING:
            self._pass(body, end)
        elif self._keep(body):
            if self._phase == COLLECTING:
                self._collected(body, end)
            elif self._mode == STREAMED and self._stream.modes is None and self._owes_headers:
                # The silence was the client's: this proxy waits for no answer to its headers.
                self._late, self._mode = True, FULL_DUPLEX_STREAMED

    def on_trailers(self, request: ProcessingRequest) -> None:
        if self._ended and self._stream.exchange is not None:
            raise _out_of_order("request trailers")
        if self._phase == NEW and not self._begin_without_headers(request):
            return
        self._trailers = self._ended = True
        self._forged_trailers = self._stream.forged(dict.fromkeys(name for name, _ in request.fields))
        if self._phase == COLLECTING:
            self._owes_trailers = True
            self._whole()
        elif self._phase in (DECIDING, SENDING):
            self._owes_trailers = True
        else:
            self._phase = DONE
            self._answer_trailers()

    def no_more(self) -> None:
        """The client of the stream sends no more. One that said nothing of its modes and waits has no body, or no more
        of it."""
        if self._phase == COLLECTING and self._mode == UNSAID:
            self._nothing_came()

    def drop(self) -> None:
        """Let go of everything."""
        self._phase = DONE
        self._end_silence()
        self._pieces = None
        self._let_go()

    # ── collecting ──

    def _begin_without_headers(self, request: ProcessingRequest) -> bool:
        """The proxy shows no headers. One that says nothing of its modes and sends a whole body has buffered it."""
        modes = self._stream.modes
        if modes is not None:
            self._mode = min(modes.request, FULL_DUPLEX_STREAMED)
        elif request.end_of_stream:
            self._mode = BUFFERED
        if self._stream.open(request) is None:
            return False
        self._phase = COLLECTING
        return True

    def _collected(self, body: bytes, end: bool) -> None:
        """A message of a body that is awaited."""
        if self._mode == UNSAID:
            self._end_silence()
            if self._shown == 1 and not self._owes_headers:
                self._alarm = self._stream.processor.call_later(SILENCE, self._silence_lasted)
                return
            self._stream.processor.bodies_come_unasked |= self._owes_headers
            self._mode = FULL_DUPLEX_STREAMED
        if end or self._mode == BUFFERED:
            self._whole()
        elif self._mode == BUFFERED_PARTIAL or (
            self._mode in (STREAMED, STREAMED_UNPROMPTED) and self.size >= HELD_WHEN_STREAMED
        ):
            self._partial()

    def on_body_begun(self) -> None:
        """A long message is on its way: the proxy's patience began when it sent the first of its bytes. Proxies give
        more time once per message, so what is asked for here holds for a wait as well."""
        if self._mode == BUFFERED and self._phase == COLLECTING:
            self._stream.send(more_time(self._exchange().longest_wait + LONG_BODY_SECONDS))

    def _whole(self) -> None:
        """The body is here; or there is none, and trailers came instead."""
        self._end_silence()
        if self._mode == UNSAID:
            self._mode = FULL_DUPLEX_STREAMED
        body = self._join() if self._shown else None
        began, exchange = self._now(), self._exchange()
        if self._late and body is not None:
            self._decide(exchange.on_late_body(body, began), began)
        else:
            self._decide(exchange.on_request(body, began), began)

    def _resumed(self, command: Picked | Respond) -> None:
        if self._late and not self._considered and isinstance(command, Picked):
            self._phase = COLLECTING
            if self._ended:
                self._stream.later(self._whole)
        else:
            super()._resumed(command)

    def _partial(self) -> None:
        began = self._now()
        self._decide(self._exchange().on_partial(self._join(), began), began)

    def _silence_lasted(self) -> None:
        self._alarm = None
        self._stream.later(self._nothing_came)

    def _nothing_came(self) -> None:
        """The proxy waits for an answer: to its headers, or to a body that it shows without them. Of a buffered one the
        end is not always said."""
        self._end_silence()
        if self._shown and _is_json(self._join()):
            self._mode = BUFFERED
            self._whole()
            return
        self._mode = STREAMED
        if self._shown:
            self._partial()
        else:
            self._choose_unseen()

    def _choose_unseen(self) -> None:
        """Choose without a body."""
        began = self._now()
        self._decide(self._exchange().on_request(None, began), began)

    def _end_silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _out_of_order(what: str) -> OutOfOrder:
    return OutOfOrder(f"{what} where none can follow")
