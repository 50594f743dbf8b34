"""Pools that are full: what may be refused is, what may wait does, and 429 says when to come again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from watched_gateway import until

from .wire import Answer, chat, post
from .yard import Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"


@contextlib.contextmanager
def busy(yard: Yard, model: str, count: int) -> Iterator[None]:
    """``count`` requests that do not end before the block does."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            wire = stack.enter_context(yard.wire())
            wire.send(post(CHAT, chat(model, stream=True, max_tokens=10_000, ignore_eos=True)))
        until(lambda: yard.sims[model][0].working == count, "the engine has them")
        yield


def assert_sheds(answer: Answer) -> None:
    assert answer.status == 429, answer
    assert 1 <= int(answer.header("retry-after")) <= 60
    assert (answer.error["type"], answer.error["code"]) == ("rate_limit_error", "saturated")


def waiting(yard: Yard, model: str) -> int:
    rows = [item for item in yard.gateway.endpoints() if item["backend"].endswith(f"/{model}")]
    return sum(item["load"]["waiting"] for item in rows if item["load"])


@pytest.mark.parametrize("header", ["x-gateway-inference-objective", "X-LLM-D-Inference-Objective"])
def test_sheddable_requests(yard: Yard, header: str) -> None:
    batch = post(CHAT, chat("shed-batch", max_tokens=1))
    background = post(CHAT, chat("shed", max_tokens=1), f"{header}: background")
    assert yard.ask(batch).status == 200
    with busy(yard, "shed", 8):
        until(lambda: waiting(yard, "shed") >= 6, "the queue is known")
        for _ in range(3):
            assert_sheds(yard.ask(batch))
            assert_sheds(yard.ask(background))
        with yard.wire() as wire:
            wire.send(post(CHAT, chat("shed", max_tokens=1)))
            until(lambda: yard.sims["shed"][0].working == 9, "what is not sheddable goes through")
    until(lambda: waiting(yard, "shed") == 0, "the queue is empty")
    assert yard.ask(background).status == 200


def test_a_full_queue_and_the_end_of_waiting(yard: Yard) -> None:
    """One at work, two wait, the next is refused at once; those that wait are refused when their time is over."""
    request = post(CHAT, chat("tight", max_tokens=1))
    with busy(yard, "tight", 1), yard.wire() as second, yard.wire() as third:
        second.send(request)
        third.send(request)
        until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 3, "two wait")
        assert_sheds(yard.ask(request))
        assert_sheds(second.answer())
        assert_sheds(third.answer())
        assert len(yard.sims["tight"][0].requests) == 1
    assert yard.ask(request).status == 200


def test_waiting_requests_go_on_when_there_is_room(yard: Yard) -> None:
    request = post(CHAT, chat("tight", max_tokens=1))
    with yard.wire() as second:
        with busy(yard, "tight", 1):
            second.send(request)
            until(lambda: yard.gateway.metric("modelyard_open_exchanges") == 2, "one waits")
        assert second.answer().status == 200
        assert second.send(request).answer().status == 200
