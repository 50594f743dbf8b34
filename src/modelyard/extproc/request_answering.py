"""How the request's direction of an ext_proc stream is answered, once it is decided where the request goes: the part of
``RequestSide`` that sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.exchange.commands import Picked, Respond, Wait
from modelyard.extproc.collected_body import CollectedBody
from modelyard.extproc.processing_request import (
    BUFFERED,
    BUFFERED_PARTIAL,
    FULL_DUPLEX_STREAMED,
    NONE,
    REQUEST_BODY,
    REQUEST_HEADERS,
    REQUEST_TRAILERS,
    STREAMED,
)
from modelyard.extproc.processing_response import (
    answer,
    header_mutation,
    more_time,
    picked_metadata,
    pieces,
    plain_answer,
    scored_metadata,
    trailers_answer,
)

if TYPE_CHECKING:
    from modelyard.extproc.processed_request import Command, ProcessedRequest
    from modelyard.extproc.processor_stream import ProcessorStream

NEW, COLLECTING, DECIDING, PASSING, SENDING, DONE = range(6)

UNSAID, STREAMED_UNPROMPTED = -1, -2
"""Modes beside those of the protocol: nothing is known yet; bodies come before their headers are answered."""

WAIT_MARGIN = 1.0
"""Seconds that a proxy should wait longer than a request may."""


class RequestAnswering:
    """What is known of one request, and what is owed."""

    __slots__ = (
        "_body",
        "_considered",
        "_ended",
        "_forged_trailers",
        "_held",
        "_mode",
        "_owes_headers",
        "_owes_trailers",
        "_phase",
        "_pick_in_trailers",
        "_pieces",
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
        self._body = CollectedBody()
        """So far."""
        self._shown = 0
        """Body messages that came."""
        self._considered = 0
        """Of them, those that the decision was made with."""
        self._held = 0
        """Bytes that count in ``Processor.held_bodies``."""
        self._ended = False
        """The body's last message came."""
        self._trailers = False
        """Trailers came."""
        self._forged_trailers: Sequence[str] = ()
        """Of them, those that go."""
        self._owes_trailers = False
        self._owes_headers = False
        self._pick_in_trailers = b""
        """The pick as metadata, where no other message was there to answer."""
        self._pieces: Iterator[bytes] | None = None
        """What is still to be sent of the body."""
        self.decided = False
        """The proxy knows where the request goes."""
        self.size = 0

    @property
    def over(self) -> bool:
        """No message of the request can follow, and each that came has been answered."""
        return self._phase == DONE and self._ended and not self._owes_trailers and self._pieces is None

    @property
    def whole(self) -> bool:
        """Nothing more of the body comes."""
        return self._ended or self._mode == NONE

    # ── deciding ──

    def _decide(self, command: Command, began: float) -> None:
        """``began``: when the exchange was asked for ``command``."""
        self._exchange().record.deciding += self._now() - began
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
        self._stream.on_decided()
        if not self._owes_headers and not self._shown:
            self._pick_in_trailers = _metadata(command)
        mode = self._mode
        if mode == FULL_DUPLEX_STREAMED:
            self._answer_in_pieces(command)
        elif mode == STREAMED_UNPROMPTED:
            self._answer_each(command)
        elif self._owes_headers:
            self._answer_headers(command)
            self._phase = DONE if mode == NONE else PASSING
        else:
            self._answer_body(command)
        if self._owes_trailers and self._pieces is None:
            self._answer_trailers()

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
        first = b""
        if self._owes_headers:
            # Trailers need a body without a length in HTTP/1.1.
            self._answer_headers(picked, -1 if body is None or self._trailers else len(body))
        elif body or not self._trailers:
            mutation = header_mutation(picked.set_headers, picked.remove_headers)
            first = answer(REQUEST_BODY, mutation=mutation, metadata=_metadata(picked))
        else:
            self._pick_in_trailers = _metadata(picked)
        self._forget_body()
        if body is None:
            self._sent()
            return
        self._phase = SENDING
        self._pieces = pieces(REQUEST_BODY, body, end=not self._trailers, first=first)
        self.on_writable()

    def _answer_each(self, picked: Picked) -> None:
        if self._owes_headers:
            self._answer_headers(picked)
        self._answer_bodies(picked, b"", b"")

    def _answer_body(self, picked: Picked) -> None:
        """The pick in the answer to a body."""
        fields, remove, body = picked.set_headers, picked.remove_headers, picked.body
        if body is not None:
            whole = self._ended and self._considered == self._shown and self._mode != BUFFERED_PARTIAL
            if whole or self._mode == BUFFERED:
                fields = [*fields, ("content-length", str(len(body)))]
            else:
                remove = [*remove, "content-length"]
        self._answer_bodies(picked, header_mutation(fields, remove), _metadata(picked))

    def _answer_bodies(self, picked: Picked, mutation: bytes, metadata: bytes) -> None:
        """Every message of the body that came has its answer; a changed body is in that of the first."""
        changed = picked.body is not None
        # In other modes Envoy 1.40 clears the route after the body has gone on: too late, and where the client left in
        # that moment it crashes.
        clear = bool(mutation) and self._mode == BUFFERED
        first = answer(REQUEST_BODY, mutation=mutation, body=picked.body, clear_route_cache=clear, metadata=metadata)
        self._forget_body()
        self._let_go()
        streams = self._mode in (STREAMED, STREAMED_UNPROMPTED)
        self._phase = PASSING if streams and not self._ended else DONE
        if self._shown:
            self._stream.send(first)
        for index in range(1, self._shown):
            self._stream.send(_NO_BODY if changed and index < self._considered else PLAIN_BODY)

    def _forget_body(self) -> None:
        self._body.clear()
        self._exchange().drop_body()

    def _answer_trailers(self) -> None:
        self._owes_trailers = False
        mutation = header_mutation((), self._forged_trailers)
        self._stream.send(trailers_answer(REQUEST_TRAILERS, self._pick_in_trailers, mutation))

    def pass_unpicked(self) -> bool:
        """Let the request go wherever the proxy sends it. False: that cannot be said any more."""
        if self._phase not in (COLLECTING, DECIDING) or not (self._owes_headers or self._shown):
            return False
        self._decided(self._exchange().unpicked())
        return True

    def _join(self) -> bytes:
        self._considered = self._shown
        return self._body.whole()

    # ── sending ──

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

    def _exchange(self) -> ProcessedRequest:
        exchange: ProcessedRequest | None = self._stream.exchange
        assert exchange is not None
        return exchange

    def _now(self) -> float:
        return self._stream.processor.clock()

    def _let_go(self) -> None:
        self._body.clear()
        self._stream.processor.let_go(self._held)
        self._held = 0


PLAIN_BODY = plain_answer(REQUEST_BODY)
_NO_BODY = answer(REQUEST_BODY, body=b"")


def _metadata(picked: Picked) -> bytes:
    if not picked.targets:
        return b""
    return picked_metadata(picked.targets) if picked.scores is None else scored_metadata(picked.targets, picked.scores)
