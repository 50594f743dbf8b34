"""A proxy as Envoy is one: sends what it may when it may, and does with a request and its answer as it is told.

Used with bodies and pieces at random, so that what an endpoint and a client get can be compared with what was sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

NONE, STREAMED, BUFFERED, PARTIAL, FULL_DUPLEX = range(5)

Say = Callable[..., list[pb.ProcessingResponse]]


class Unlawful(AssertionError):
    """An answer that Envoy would not take here (a "spurious message")."""


@dataclass
class Message:
    """A request or an answer as it goes on: what it becomes."""

    headers: dict[str, str]
    body: bytes = b""
    trailers: bool = False


@dataclass
class Proxy:
    """One HTTP request through one stream."""

    say: Say
    rng: random.Random
    request_mode: int
    response_mode: int
    unprompted: bool = False
    says_modes: bool = True
    destination: str = ""
    immediate: pb.ImmediateResponse | None = None
    time_given: bool = False
    queue: list[pb.ProcessingResponse] = field(default_factory=list)
    """Answers that came and were not used yet."""

    # ── talking ──

    def tell(self, **fields: Any) -> None:
        self.queue += self.say(**fields)
        for answer in self.queue:
            if answer.HasField("immediate_response"):
                self.immediate = answer.immediate_response
        self.queue = [answer for answer in self.queue if not answer.HasField("override_message_timeout")]

    def next(self, which: str) -> pb.ProcessingResponse:
        if not self.queue:
            raise Unlawful(f"no {which}")
        answer = self.queue.pop(0)
        if answer.WhichOneof("response") != which:
            raise Unlawful(f"{answer.WhichOneof('response')} instead of {which}")
        picked = answer.dynamic_metadata
        if "envoy.lb" in picked:
            self.destination = picked["envoy.lb"]["x-gateway-destination-endpoint"]
        return answer

    def pieces(self, body: bytes) -> list[bytes]:
        cuts = sorted(self.rng.randrange(len(body) + 1) for _ in range(self.rng.randrange(5)))
        return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    # ── a direction ──

    def request(self, message: Message) -> None:
        config = pb.ProtocolConfiguration(
            request_body_mode=self.request_mode,
            response_body_mode=self.response_mode,
            send_body_without_waiting_for_header_response=self.unprompted,
        )
        self._through(message, "request", self.request_mode, config if self.says_modes else None)

    def response(self, message: Message) -> None:
        self._through(message, "response", self.response_mode, None)

    def _through(self, message: Message, side: str, mode: int, config: Any) -> None:
        body, trailers = message.body, message.trailers
        has_body = bool(body) or trailers
        headers = pb.HttpHeaders(end_of_stream=not has_body)
        for name, value in message.headers.items():
            headers.headers.headers.add(key=name, raw_value=value.encode("latin-1"))
        fields: dict[str, Any] = {f"{side}_headers": headers}
        if config is not None:
            fields["protocol_config"] = config
        self.tell(**fields)
        held = mode == FULL_DUPLEX or (mode == STREAMED and self.unprompted and side == "request")
        if not has_body:
            self._apply_headers(message, self.next(f"{side}_headers"), side)
            return
        if held:
            self._full_duplex(message, side) if mode == FULL_DUPLEX else self._unprompted(message, side)
        else:
            answer = self.next(f"{side}_headers")
            self._apply_headers(message, answer, side)
            if answer.HasField("mode_override"):
                mode = answer.mode_override.response_body_mode
            if mode == STREAMED:
                self._streamed(message, side)
            elif mode in (BUFFERED, PARTIAL):
                self._buffered(message, side, whole=mode == BUFFERED)
        if trailers and not held and self.immediate is None:
            self.tell(**{f"{side}_trailers": pb.HttpTrailers()})
            self.next(f"{side}_trailers")

    def _send_body(self, side: str, data: bytes, end: bool) -> None:
        self.tell(**{f"{side}_body": pb.HttpBody(body=data, end_of_stream=end)})

    def _full_duplex(self, message: Message, side: str) -> None:
        pieces = self.pieces(message.body)
        for index, data in enumerate(pieces):
            self._send_body(side, data, index == len(pieces) - 1 and not message.trailers)
        if message.trailers and self.immediate is None:
            self.tell(**{f"{side}_trailers": pb.HttpTrailers()})
        if self.immediate is not None:
            return
        self._apply_headers(message, self.next(f"{side}_headers"), side)
        out, ended = b"", False
        while self.queue and self.queue[0].WhichOneof("response") == f"{side}_body":
            if ended:
                raise Unlawful("a piece after the last")
            mutation = getattr(self.next(f"{side}_body"), f"{side}_body").response.body_mutation
            if not mutation.HasField("streamed_response"):
                raise Unlawful("a body that is not in pieces")
            out += mutation.streamed_response.body
            ended = mutation.streamed_response.end_of_stream
        if ended == message.trailers:
            raise Unlawful("the end is not where it belongs")
        if message.trailers:
            self.next(f"{side}_trailers")
        if self.queue:
            raise Unlawful("more than was asked for")
        message.body = out

    def _streamed(self, message: Message, side: str) -> None:
        pieces, out = self.pieces(message.body), b""
        for index, data in enumerate(pieces):
            self._send_body(side, data, index == len(pieces) - 1 and not message.trailers)
            if self.immediate is not None:
                return
            out += self._changed(side, data)
        message.body = out

    def _unprompted(self, message: Message, side: str) -> None:
        pieces, out = self.pieces(message.body), b""
        for index, data in enumerate(pieces):
            self._send_body(side, data, index == len(pieces) - 1 and not message.trailers)
        if message.trailers and self.immediate is None:
            self.tell(**{f"{side}_trailers": pb.HttpTrailers()})
        if self.immediate is not None:
            return
        self._apply_headers(message, self.next(f"{side}_headers"), side)
        for data in pieces:
            out += self._changed(side, data)
        if message.trailers:
            self.next(f"{side}_trailers")
        message.body = out

    def _buffered(self, message: Message, side: str, *, whole: bool) -> None:
        body = message.body
        shown = len(body) if whole else self.rng.randrange(len(body) + 1)
        self._send_body(side, body[:shown], shown == len(body) and not message.trailers)
        if self.immediate is not None:
            return
        answer = self.next(f"{side}_body")
        common = getattr(answer, f"{side}_body").response
        self._apply_mutation(message, common.header_mutation)
        if common.HasField("body_mutation"):
            new = self._replacement(common)
            length = message.headers.get("content-length")
            if whole and length is not None and int(length) != len(new):
                raise Unlawful("content-length and body differ")
            message.body = new + body[shown:]

    def _changed(self, side: str, data: bytes) -> bytes:
        common = getattr(self.next(f"{side}_body"), f"{side}_body").response
        return self._replacement(common) if common.HasField("body_mutation") else data

    def _replacement(self, common: pb.CommonResponse) -> bytes:
        if common.body_mutation.WhichOneof("mutation") != "body":
            raise Unlawful("pieces where a body is replaced")
        return common.body_mutation.body

    def _apply_headers(self, message: Message, answer: pb.ProcessingResponse, side: str) -> None:
        self._apply_mutation(message, getattr(answer, f"{side}_headers").response.header_mutation)

    def _apply_mutation(self, message: Message, mutation: pb.HeaderMutation) -> None:
        for name in mutation.remove_headers:
            message.headers.pop(name, None)
        for option in mutation.set_headers:
            message.headers[option.header.key] = option.header.raw_value.decode("latin-1")


def check_length(message: Message, body: bytes) -> None:
    """A length that is said is the body's."""
    length = message.headers.get("content-length")
    assert length is None or int(length) == len(body), (length, len(body))


def addresses(destination: str) -> Sequence[str]:
    return destination.split(",")
