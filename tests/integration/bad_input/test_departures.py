"""Clients that go away: the endpoint's work ends at once and every counter goes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from watched_gateway import until

from .wire import Wire, chat, post
from .yard import Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
HOLDS = 10_000
"""Tokens: an answer that does not end within a test."""


@pytest.fixture(params=["closes", "resets"])
def leave(request: pytest.FixtureRequest) -> Callable[[Wire], None]:
    return Wire.close if request.param == "closes" else Wire.reset


def test_in_the_middle_of_a_stream(yard: Yard, leave: Callable[[Wire], None]) -> None:
    sim = yard.sims["solo"][0]
    before = sim.aborted
    wires = [yard.wire() for _ in range(8)]
    for wire in wires:
        wire.send(post(CHAT, chat("solo", stream=True, max_tokens=HOLDS, ignore_eos=True)))
        wire.until(b"data: ")
    assert sim.working == 8
    assert yard.gateway.in_flight() == 8
    assert yard.gateway.metric("modelyard_open_exchanges") == 8
    for wire in wires:
        leave(wire)
    until(lambda: not sim.working, "the engine stops", 10.0)
    until(lambda: sim.aborted == before + 8, "all are counted as aborted")


@pytest.mark.parametrize("stream", [True, False])
def test_before_the_answer_begins(yard: Yard, leave: Callable[[Wire], None], stream: bool) -> None:
    sim = yard.sims["solo"][0]
    if stream:
        sim.break_with(hang="before-head")
    wire = yard.wire().send(post(CHAT, chat("solo", stream=stream, max_tokens=HOLDS, ignore_eos=True)))
    until(lambda: sim.busy == 1, "the engine works")
    leave(wire)
    until(lambda: not sim.busy, "the engine stops", 10.0)
    assert len(sim.requests) == 1


def test_in_the_middle_of_a_body(yard: Yard, leave: Callable[[Wire], None]) -> None:
    """Of a body that routing reads, and of one that is passed on as it comes."""
    parts = {"Content-Length: 1000": b'{"model": "solo", ', "Transfer-Encoding: chunked": b"ff\r\n{"}
    wires = [
        yard.wire().send(post(CHAT, part, framing, host=host, length=False))
        for host in ("models.test", "plain.test")
        for framing, part in parts.items()
    ]
    until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 4, "all are open")
    for wire in wires:
        leave(wire)
    until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 0, "all are gone")
    assert yard.reached() == []
    assert list(yard.recorder.requests) == []


def test_while_waiting_in_the_queue(yard: Yard, leave: Callable[[Wire], None]) -> None:
    sim = yard.sims["tight"][0]
    with yard.wire() as first:
        first.send(post(CHAT, chat("tight", stream=True, max_tokens=HOLDS, ignore_eos=True))).until(b"data: ")
        waiting = [yard.wire().send(post(CHAT, chat("tight"))) for _ in range(2)]
        until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 3, "two wait")
        for wire in waiting:
            leave(wire)
        until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 1, "none waits")
        again = yard.wire().send(post(CHAT, chat("tight", max_tokens=1)))
        until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 2, "there is room again")
    assert again.answer().status == 200
    again.close()
    assert len(sim.requests) == 2


def test_after_more_requests_were_sent(yard: Yard, leave: Callable[[Wire], None]) -> None:
    """Requests that were waiting behind the current one on the same connection are never sent on."""
    sim = yard.sims["solo"][0]
    wire = yard.wire()
    wire.send(post(CHAT, chat("solo", stream=True, max_tokens=HOLDS, ignore_eos=True)))
    wire.until(b"data: ")
    wire.send(post(CHAT, chat("solo")) * 5)
    leave(wire)
    until(lambda: not sim.working, "the engine stops", 10.0)
    assert len(sim.requests) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_with_much_unread(yard: Yard, leave: Callable[[Wire], None], stream: bool) -> None:
    """So much that the gateway has stopped reading from the client."""
    sim = yard.sims["solo"][0]
    wire = yard.wire()
    wire.send(post(CHAT, chat("solo", stream=stream, max_tokens=HOLDS, ignore_eos=True)))
    until(lambda: sim.working, "the engine works")
    wire.send(b"x" * 200_000)
    leave(wire)
    until(lambda: not sim.working, "the engine stops", 10.0)
