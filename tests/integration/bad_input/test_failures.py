"""Endpoints that fail: another one is tried before the first byte, after it the break is visible."""

from __future__ import annotations

import json

import pytest
from watched_gateway import until

from .wire import Answer, chat, get, post
from .yard import Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
REFUSES = {"refuse": True}
CLOSES = {"close_before_head": True}
HANGS = {"hang": "before-head"}


def ask_pair(yard: Yard, host: str = "models.test") -> Answer:
    return yard.ask(post(CHAT, chat("pair", max_tokens=2), host=host))


@pytest.mark.parametrize("fault", [REFUSES, CLOSES, HANGS], ids=["refuses", "closes", "hangs"])
def test_another_endpoint_is_tried(yard: Yard, fault: dict[str, object]) -> None:
    """Hanging ones count as failed when the backend's time is over."""
    broken, whole = yard.sims["pair"]
    broken.break_with(**fault)
    host = "pair.test" if fault is HANGS else "models.test"
    for _ in range(12):
        answer = ask_pair(yard, host)
        assert answer.status == 200, answer
    assert len([r for r in whole.requests if r.path == CHAT]) == 12


@pytest.mark.parametrize(
    ("fault", "host", "statuses"),
    [
        (REFUSES, "models.test", {502, 503}),
        (CLOSES, "models.test", {502}),
        (HANGS, "pair.test", {504}),
        (HANGS, "deadline.test", {504}),
    ],
    ids=["refuse", "close", "hang", "deadline"],
)
def test_no_endpoint_is_left(yard: Yard, fault: dict[str, object], host: str, statuses: set[int]) -> None:
    for sim in yard.sims["pair"]:
        sim.break_with(**fault)
    answer = ask_pair(yard, host)
    assert answer.status in statuses, answer
    assert answer.error["type"] == "server_error"
    until(lambda: not sum(sim.busy for sim in yard.sims["pair"]) or fault is CLOSES, "no request is held")


def test_a_connection_outlives_an_endpoint(yard: Yard) -> None:
    for sim in yard.sims["pair"]:
        sim.break_with(**CLOSES)
    with yard.wire() as wire:
        assert wire.send(post(CHAT, chat("pair"))).answer().status == 502
        assert wire.send(post(CHAT, chat("solo", max_tokens=1))).answer().status == 200


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_an_engine_s_own_error_is_its_own(yard: Yard, status: int) -> None:
    """An answer is an answer: it is passed on as it came, and not asked for again."""
    for sim in yard.sims["pair"]:
        sim.break_with(status=status, retry_after_s=7)
    answer = ask_pair(yard)
    assert (answer.status, answer.header("retry-after")) == (status, "7")
    assert answer.json["error"]["type"] == "SimulatedError"
    assert sum(len(sim.requests) for sim in yard.sims["pair"]) == 1


@pytest.mark.parametrize("tokens", [1, 5])
def test_a_stream_that_breaks_ends_with_an_error_event(yard: Yard, tokens: int) -> None:
    yard.sims["solo"][0].break_with(reset_after_tokens=tokens)
    with yard.wire() as wire:
        wire.send(post(CHAT, chat("solo", stream=True, max_tokens=20)))
        head = wire.until(b"\r\n\r\n")
        assert b"HTTP/1.1 200 " in head
        assert b"text/event-stream" in head
        rest = wire.rest()
    assert b"[DONE]" not in rest
    assert not rest.endswith(b"0\r\n\r\n"), "a last chunk says that the answer is whole"
    payload = unchunked(rest)
    events = [line.removeprefix(b"data: ") for line in payload.split(b"\n") if line.startswith(b"data: ")]
    error = json.loads(events[-1])["error"]
    assert error["code"] == "upstream_broken"
    assert all("error" not in json.loads(event) for event in events[:-1])


def test_a_broken_stream_is_no_reason_to_ask_again(yard: Yard) -> None:
    for sim in yard.sims["pair"]:
        sim.break_with(reset_after_tokens=1)
    with yard.wire() as wire:
        wire.send(post(CHAT, chat("pair", stream=True, max_tokens=9)))
        wire.until(b"\r\n\r\n")
        wire.rest()
    assert sum(len(sim.requests) for sim in yard.sims["pair"]) == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_other_apis_get_their_own_error_event(yard: Yard, path: str) -> None:
    yard.sims["solo"][0].break_with(reset_after_tokens=2)
    body = {"model": "solo", "stream": True, "max_tokens": 9, "input": "a"}
    body["messages"] = [{"role": "user", "content": "a"}]
    with yard.wire() as wire:
        wire.send(post(path, json.dumps(body).encode()))
        assert b" 200 " in wire.until(b"\r\n\r\n")
        rest = wire.rest()
    assert b"event: error\n" in rest
    assert b"message_stop" not in rest
    assert b"response.completed" not in rest


@pytest.mark.parametrize(
    "cut", ["length", "length/reset", "chunks", "chunks/reset", "chunk", "chunk/reset", "close/reset"]
)
def test_an_answer_that_breaks_never_looks_whole(yard: Yard, cut: str) -> None:
    """Either the client reads a break, or (where nothing had gone out yet) that the endpoint failed."""
    with yard.wire() as wire:
        wire.send(get(f"/cut/{cut}", host="plain.test"))
        try:
            answer = wire.answer()
        except (EOFError, ConnectionError):
            return
        assert answer.status == 502, answer


@pytest.mark.parametrize("how", ["", "/reset"])
def test_an_answer_without_a_whole_head_is_no_answer(yard: Yard, how: str) -> None:
    answer = yard.ask(get(f"/cut/head{how}", host="plain.test"))
    assert answer.status == 502
    assert answer.error["code"] == "upstream_failed"


def unchunked(data: bytes) -> bytes:
    """The payload of a chunked body that breaks off."""
    payload = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        payload += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return payload
