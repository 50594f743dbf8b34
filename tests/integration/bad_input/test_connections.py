"""Connections: slow clients, old clients, impatient clients, and what an error leaves behind."""

from __future__ import annotations

import contextlib
import time

import pytest
from watched_gateway import until

from .wire import Answer, chat, get, post
from .yard import Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"


def test_slow_heads_are_cut_and_others_do_not_feel_them(yard: Yard) -> None:
    """200 clients that send a byte now and then of a head; meanwhile every other request is answered (threat 7)."""
    head = get("/slow", *[f"X-{n}: y" for n in range(100)], host="plain.test")
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(yard.wire(30.0)) for _ in range(200)]
        for at in range(20):
            for wire in slow:
                wire.send(head[at : at + 1])
            assert yard.ask(post(CHAT, chat("solo", max_tokens=1))).status == 200
        for wire in slow:
            answer = wire.answer()
            assert (answer.status, answer.error["code"]) == (408, "request_timeout")
            assert wire.is_closed()
    assert yard.recorder.total == 0


def test_silent_clients_cost_nothing_to_others(yard: Yard) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(yard.wire())
        for _ in range(5):
            assert yard.ask(post(CHAT, chat("solo", max_tokens=1))).status == 200


def test_a_client_that_reads_slowly_does_not_slow_others(yard: Yard) -> None:
    with yard.wire() as slow:
        slow.send(post(CHAT, chat("solo", stream=True, max_tokens=10_000, ignore_eos=True)))
        for _ in range(20):
            assert yard.ask(post(CHAT, chat("solo", max_tokens=1))).status == 200
            assert slow.exactly(1)


def ask_on(yard: Yard, request: bytes, seconds: float = 10.0) -> tuple[Answer, bool]:
    """The answer, and whether the connection is closed within so many seconds after it."""
    with yard.wire() as wire:
        answer = wire.send(request).answer(request.split(b" ")[0].decode())
        return answer, wire.is_closed(seconds)


def test_http_1_0(yard: Yard) -> None:
    """Closed after the answer unless asked otherwise; never chunked."""
    old = post(CHAT, chat("solo", max_tokens=2), host="models.test").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    answer, closed = ask_on(yard, old)
    assert (answer.status, closed) == (200, True)
    kept = old.replace(b"\r\nHost", b"\r\nConnection: keep-alive\r\nHost", 1)
    answer, closed = ask_on(yard, kept, 0.3)
    assert (answer.status, closed, answer.header("connection")) == (200, False, "keep-alive")
    streamed = post(CHAT, chat("solo", stream=True, max_tokens=3)).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    answer, closed = ask_on(yard, streamed)
    assert (answer.status, closed, answer.header("transfer-encoding")) == (200, True, "")
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_closing_when_asked(yard: Yard) -> None:
    for line in ("Connection: close", "connection: Keep-Alive, CLOSE", "Connection: x\r\nConnection: close"):
        answer, closed = ask_on(yard, get("/v1/models", line))
        assert (answer.status, closed, answer.header("connection")) == (200, True, "close")


@pytest.mark.parametrize("cut", [1, 7, 64, 4096])
def test_pipelined_requests_are_answered_in_their_order(yard: Yard, cut: int) -> None:
    """Whatever the packets are; errors, streams and bodies among them."""
    requests = [
        (post(CHAT, chat("solo", max_tokens=2)), 200),
        (get("/v1/models/gpt-9"), 404),
        (post(CHAT, chat("pair", stream=True, max_tokens=2)), 200),
        (post(CHAT, b"{"), 400),
        (b"HEAD /x HTTP/1.1\r\nHost: plain.test\r\n\r\n", 200),
        (post("/x", b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", host="plain.test", length=False), 200),
        (get("/missing", host="broken.test"), 500),
        (post(CHAT, chat("gpt-9")), 404),
        (b"\r\n\r\n" + get("/v1/models"), 200),
    ]
    data = b"".join(request for request, _ in requests)
    with yard.wire() as wire:
        for at in range(0, len(data), cut):
            wire.send(data[at : at + cut])
        for request, status in requests:
            assert wire.answer(request.split(b" ")[0].decode()).status == status


def test_nothing_is_served_after_a_fault(yard: Yard) -> None:
    good = get("/good", host="plain.test")
    with yard.wire() as wire:
        wire.send(good + get("/bad", "X : y", host="plain.test") + good * 5)
        assert [wire.answer().status for _ in range(2)] == [200, 400]
        assert wire.rest() == b""
    assert yard.recorder.total == 1


def test_a_thousand_requests_on_one_connection(yard: Yard) -> None:
    good, bad = get("/x", host="plain.test"), get("/", host="nowhere.test")
    with yard.wire() as wire:
        for _ in range(10):
            wire.send((good + bad) * 50)
            assert [wire.answer().status for _ in range(100)] == [200, 404] * 50


def test_an_early_answer_is_readable(yard: Yard) -> None:
    """A refusal is not lost to a reset although the client goes on sending (it may not read until it has sent all)."""
    body = b"x" * 3_000_000
    with yard.wire() as wire:
        wire.send(post(CHAT, body))
        assert wire.answer().status == 413
    with yard.wire() as wire:
        wire.send(post("/x", body, host="nowhere.test"))
        assert wire.answer().status == 404


def test_deep_bodies_harm_nobody(yard: Yard) -> None:
    """Requests under way go on while others send the deepest JSON there is (section 6, test 8)."""
    deep = [post(CHAT, b'{"model": "solo", "x": ' + b"[" * depth) for depth in (5_000, 100_000, 500_000)]
    worker = yard.gateway.worker().pid
    with yard.wire() as stream:
        stream.send(post(CHAT, chat("solo", stream=True, max_tokens=200, ignore_eos=True)))
        stream.until(b"data: ")
        for request in deep * 5:
            assert yard.ask(request).status == 400
        assert stream.until(b"data: [DONE]\n\n")
    assert yard.gateway.worker().pid == worker


def test_many_that_come_and_go(yard: Yard) -> None:
    """Connections that are opened and reset, with and without a part of a request."""
    for part in (
        b"",
        b"G",
        b"\r\n",
        get("/x", host="plain.test")[:-1],
        post(CHAT, b"{", "Content-Length: 9", length=False),
    ):
        for _ in range(100):
            yard.wire().send(part).reset()
    began = time.monotonic()
    until(lambda: yard.gateway.metric("modelyard_open_connections") <= 1, "all are gone")
    assert time.monotonic() - began < 15
    assert yard.ask(get("/x", host="plain.test")).status == 200
