"""The request's way through an ext_proc stream: its head, body and trailers come in, the pick and the body go back.

What a proxy wants to hear when depends on how it sends bodies (``ProcessingMode.BodySendMode``). It says so in its
first message, or shows it:

====================== ============================ ==========================================================
mode                   headers are answered         the pick is in the answer to
====================== ============================ ==========================================================
NONE, or no body       at once                      the headers
FULL_DUPLEX_STREAMED   when the body is whole       the headers; the body follows in pieces
BUFFERED               at once, with nothing        the body
BUFFERED_PARTIAL       at once, with nothing        the body, of which the beginning is shown
STREAMED               at once                      the headers; again the body's, where it comes in one message
STREAMED, unprompted   when the body is whole,      the headers; each piece of the body is answered
                       or much of it is here
not said               when the body is whole, or   as in FULL_DUPLEX_STREAMED; where the headers had to be
                       nothing comes                answered first, as in STREAMED
====================== ============================ ==========================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.bodies.json_rename import ValueRenamer
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL
from modelyard.exchange.commands import Respond, Wait
from modelyard.exchange.picked_request import Picked
from modelyard.extproc.processing_request import (
    BUFFERED,
    BUFFERED_PARTIAL,
    FULL_DUPLEX_STREAMED,
    NONE,
    REQUEST_BODY,
    REQUEST_HEADERS,
    REQUEST_TRAILERS,
    STREAMED,
    OutOfOrder,
    ProcessingRequest,
)
from modelyard.extproc.processing_response import (
    answer,
    header_mutation,
    more_time,
    picked_metadata,
    pieces,
    plain_answer,
    trailers_answer,
)

if TYPE_CHECKING:
    from modelyard.extproc.processed_request import ProcessedRequest
    from modelyard.extproc.processor import Alarm
    from modelyard.extproc.processor_stream import ProcessorStream

NEW, COLLECTING, DECIDING, PASSING, SENDING, DONE = range(6)

UNSAID, STREAMED_UNPROMPTED = -1, -2
"""Modes beside those of the protocol: nothing is known yet; bodies come before their headers are answered."""

SILENCE = 0.1
"""Seconds without a body after which a proxy that says nothing of its modes is taken for one that waits for an answer
to the headers: half of the time for which Envoy waits by default (``message_timeout``)."""
HELD_WHEN_STREAMED = 24 * 1024
"""Bytes of a body that a proxy may be kept waiting for in STREAMED without prompting: it sends no more than its own
buffer holds (32 KiB in hardened configurations) before it has an answer."""
LONG_BODY_SECONDS = 30.0
"""How long the largest body may take from the proxy to here, and to be read, on a machine that has much to do."""
WAIT_MARGIN = 1.0
"""Seconds that a proxy should wait longer than a request may."""


class RequestSide:
    """One request's direction."""

    __slots__ = (
        "_alarm",
        "_chunks",
        "_ended",
        "_held",
        "_mode",
        "_owes_headers",
        "_owes_trailers",
        "_phase",
        "_pieces",
        "_renamer",
        "_shown",
        "_stream",
        "_trailers",
        "decided",
        "size",
    )

    def __init__(self, stream: ProcessorStream[Any]) -> None:
        self._stream = stream
        self._phase = NEW
        self._mode = UNSAID
        self._alarm: Alarm | None = None
        self._chunks: list[bytes] = []
        """The body so far."""
        self._shown = 0
        """Body messages that came."""
        self._held = 0
        """Bytes that count in ``Processor.held_bodies``."""
        self._ended = False
        """The body's last message came."""
        self._trailers = False
        """Trailers came."""
        self._owes_trailers = False
        self._owes_headers = False
        self._pieces: Iterator[bytes] | None = None
        """What is still to be sent of the body."""
        self._renamer: ValueRenamer | None = None
        self.decided = False
        """The proxy knows where the request goes."""
        self.size = 0

    @property
    def was_prompted(self) -> bool:
        """The proxy waited for an answer to the headers before it showed a body."""
        return self._mode == STREAMED

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
            self._stream.send(plain_answer(REQUEST_HEADERS))
        elif self._mode == UNSAID and not self._stream.processor.bodies_come_unasked:
            self._alarm = self._stream.processor.call_later(SILENCE, self._silence_lasted)

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
        elif self._keep(body) and self._phase == COLLECTING:
            self._collected(body, end)

    def on_trailers(self) -> None:
        if self._ended and self._stream.exchange is not None:
            raise _out_of_order("request trailers")
        self._trailers = self._ended = True
        if self._phase == COLLECTING:
            self._owes_trailers = True
            self._whole()
        elif self._phase in (DECIDING, SENDING):
            self._owes_trailers = True
        else:
            self._phase = DONE
            self._answer_trailers()

    def no_more(self) -> None:
        """The client of the stream sends no more. One that said nothing of its modes and waits has no body."""
        if self._phase == COLLECTING and self._mode == UNSAID and not self._shown:
            self._nothing_came()

    def drop(self) -> None:
        """Let go of everything."""
        self._phase = DONE
        self._end_silence()
        self._pieces = None
        self._let_go()

    # ── collecting ──

    def _begin_without_headers(self, request: ProcessingRequest) -> bool:
        """The proxy does not show headers."""
        modes = self._stream.modes
        self._mode = FULL_DUPLEX_STREAMED if modes is None else min(modes.request, FULL_DUPLEX_STREAMED)
        if self._stream.open(request) is None:
            return False
        self._phase = COLLECTING
        return True

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
        self._chunks.append(body)
        return True

    def _collected(self, body: bytes, end: bool) -> None:
        """A message of a body that is awaited."""
        if self._mode == UNSAID:
            self._end_silence()
            self._stream.processor.bodies_come_unasked = True
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
        self._decide(self._exchange().on_request(body, self._now()))

    def _partial(self) -> None:
        self._decide(self._exchange().on_partial(self._join(), self._now()))

    def _join(self) -> bytes:
        chunks = self._chunks
        if len(chunks) != 1:
            body = b"".join(chunks)
            self._chunks = [body]
            return body
        return chunks[0]

    def _silence_lasted(self) -> None:
        self._alarm = None
        self._stream.later(self._nothing_came)

    def _nothing_came(self) -> None:
        """The proxy waits for an answer to its headers."""
        self._mode = STREAMED
        self._choose_unseen()

    def _choose_unseen(self) -> None:
        """Choose without a body."""
        self._decide(self._exchange().on_request(None, self._now()))

    # ── deciding ──

    def _decide(self, command: Picked | Respond | Wait) -> None:
        if not isinstance(command, Wait):
            self._decided(command)
            return
        self._phase = DECIDING
        exchange = self._exchange()
        exchange.resume = self._resumed
        if self._mode != FULL_DUPLEX_STREAMED:
            self._stream.send(more_time(exchange.longest_wait + WAIT_MARGIN))

    def _resumed(self, command: Picked | Respond) -> None:
        """The wait is over."""
        self._stream.later(lambda: self._decided(command))

    def _decided(self, command: Picked | Respond) -> None:
        if isinstance(command, Respond):
            self._stream.respond(command)
            return
        self.decided = True
        mode = self._mode
        if mode == FULL_DUPLEX_STREAMED:
            self._answer_in_pieces(command)
        elif mode == STREAMED_UNPROMPTED:
            self._answer_each(command)
        elif self._owes_headers:
            self._answer_headers(command)
            self._phase = DONE if mode == NONE else PASSING
        elif self._shown:
            self._answer_body(command)
        if self._owes_trailers and self._pieces is None:
            self._answer_trailers(b"" if self._shown else _metadata(command))

    def _answer_headers(self, picked: Picked, length: int = -1) -> None:
        self._owes_headers = False
        fields, remove = picked.set_headers, picked.remove_headers
        if length >= 0:
            fields = [*fields, ("content-length", str(length))]
        elif self._mode != NONE and self._exchange().renames:
            remove = [*remove, "content-length"]
        mutation = header_mutation(fields, remove)
        metadata = _metadata(picked)
        self._stream.send(answer(REQUEST_HEADERS, mutation=mutation, clear_route_cache=True, metadata=metadata))

    def _answer_in_pieces(self, picked: Picked) -> None:
        body = picked.body
        if body is None and self._shown:
            body = self._join()
        if self._owes_headers:
            # Trailers need a body without a length in HTTP/1.1.
            self._answer_headers(picked, -1 if body is None or self._trailers else len(body))
        self._forget_body()
        if body is None:
            self._sent()
            return
        self._phase = SENDING
        self._pieces = pieces(REQUEST_BODY, body, end=not self._trailers)
        self.on_writable()

    def _answer_each(self, picked: Picked) -> None:
        if self._owes_headers:
            self._answer_headers(picked)
        self._answer_bodies(picked, b"", b"")

    def _answer_body(self, picked: Picked) -> None:
        """The pick in the answer to a body."""
        fields, remove, body = picked.set_headers, picked.remove_headers, picked.body
        if body is not None:
            if self._mode == BUFFERED_PARTIAL:
                remove = [*remove, "content-length"]
            else:
                fields = [*fields, ("content-length", str(len(body)))]
        self._answer_bodies(picked, header_mutation(fields, remove), _metadata(picked))

    def _answer_bodies(self, picked: Picked, mutation: bytes, metadata: bytes) -> None:
        """Every message of the body that came has its answer; a changed body is in that of the first."""
        changed = picked.body is not None
        first = answer(
            REQUEST_BODY, mutation=mutation, body=picked.body, clear_route_cache=bool(mutation), metadata=metadata
        )
        self._forget_body()
        self._let_go()
        streams = self._mode in (STREAMED, STREAMED_UNPROMPTED)
        self._phase = PASSING if streams and not self._ended else DONE
        for index in range(self._shown):
            self._stream.send((_NO_BODY if changed else _PLAIN_BODY) if index else first)

    def _forget_body(self) -> None:
        self._chunks.clear()
        self._exchange().drop_body()

    def _answer_trailers(self, metadata: bytes = b"") -> None:
        self._owes_trailers = False
        self._stream.send(trailers_answer(REQUEST_TRAILERS, metadata))

    def pass_unpicked(self) -> bool:
        """Let the request go wherever the proxy sends it. False: that cannot be said any more."""
        if self._phase not in (COLLECTING, DECIDING) or not (self._owes_headers or self._shown):
            return False
        self._decided(Picked("", None, [], []))
        return True

    # ── sending and passing ──

    def on_writable(self) -> None:
        """Send pieces for as long as the proxy takes them."""
        if self._pieces is None:
            return
        for message in self._pieces:
            if not self._stream.stream.send(message):
                return
        self._pieces = None
        self._sent()

    def _sent(self) -> None:
        self._let_go()
        self._phase = DONE
        if self._owes_trailers:
            self._answer_trailers()

    def _pass(self, body: bytes, end: bool) -> None:
        """A piece of a body whose headers have gone ahead."""
        exchange = self._stream.exchange
        if exchange is None:
            self._stream.send(_PLAIN_BODY)
            return
        if self._shown == 1 and self._mode == STREAMED and not exchange.answer_began:
            if end:
                self._choose_again(exchange, body)
                return
            self._begin_renaming(exchange, body)
        self._phase = DONE if end else PASSING
        renamer = self._renamer
        if renamer is None:
            self._stream.send(_PLAIN_BODY)
            return
        renamed = renamer.feed(body) + (renamer.finish() if end else b"")
        self._stream.send(_PLAIN_BODY if renamed == body else answer(REQUEST_BODY, body=renamed))

    def _choose_again(self, exchange: ProcessedRequest, body: bytes) -> None:
        """The proxy shows the whole body, so perhaps the headers are still with it."""
        if not self._keep(body):
            return
        self.decided = False
        self._phase = COLLECTING
        self._decide(exchange.on_late_body(body, self._now()))

    def _begin_renaming(self, exchange: ProcessedRequest, beginning: bytes) -> None:
        name = exchange.late_name(beginning)
        if name is not None:
            self._renamer = ValueRenamer(TOP_LEVEL_MODEL, msgspec.json.encode(name))

    # ── small things ──

    def _exchange(self) -> ProcessedRequest:
        exchange: ProcessedRequest | None = self._stream.exchange
        assert exchange is not None
        return exchange

    def _now(self) -> float:
        return self._stream.processor.clock()

    def _end_silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _let_go(self) -> None:
        self._chunks.clear()
        self._stream.processor.let_go(self._held)
        self._held = 0


_PLAIN_BODY = plain_answer(REQUEST_BODY)
_NO_BODY = answer(REQUEST_BODY, body=b"")


def _metadata(picked: Picked) -> bytes:
    return picked_metadata(picked.targets) if picked.targets else b""


def _out_of_order(what: str) -> OutOfOrder:
    return OutOfOrder(f"{what} where none can follow")
