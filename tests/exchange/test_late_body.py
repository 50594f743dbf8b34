from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from modelyard.exchange.commands import Picked, Respond, Wait
from modelyard.exchange.picked_request import PickedRequest
from modelyard.http1.message_heads import RequestHead

from .conftest import MANIFEST, POOL, Playbook, endpoint

A, B, C = "10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"

TOKENS = f"""{MANIFEST}
---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{{type: token-load-scorer}}]
"""


def open_picked(playbook: Playbook) -> PickedRequest:
    path = "/v1/completions"
    head = RequestHead("POST", path, path, "", 1, "", "", [], {"content-type": "application/json"})
    request = playbook.gateway.open_picked(POOL, head, playbook.now, within=None, forged=(), most_endpoints=3)
    assert request is not None
    return request


def ask(model: str, prompt: str = "x") -> bytes:
    return json.dumps({"model": model, "prompt": prompt}).encode()


def picked(command: Any) -> list[str]:
    assert isinstance(command, Picked), command
    return command.targets.split(",")


def test_a_second_choice_replaces_the_first(playbook: Any) -> None:
    three: Playbook = playbook()
    three.fleet({POOL: [endpoint(A, "m"), endpoint(B, "other")]})
    request = open_picked(three)
    request.on_request(None, three.now)
    assert picked(request.on_late_body(ask("other"), three.now)) == [B]
    assert three.in_flight() == {B: 1}
    assert isinstance(request.on_late_body(b"{}", three.now), Respond)
    assert three.in_flight() == {}


def test_a_choice_that_was_answered_holds_where_it_suits(playbook: Any) -> None:
    three: Playbook = playbook()
    three.fleet({POOL: [endpoint(A, "m", "other"), endpoint(B, "m"), endpoint(C, "m")]})
    for _ in range(20):
        request = open_picked(three)
        first, *_ = picked(request.on_request(None, three.now))
        command = request.on_shown_body(ask("m"), three.now)
        assert isinstance(command, Picked)
        assert (command.targets, command.set_headers, command.body) == ("", [], None)
        assert three.in_flight() == {first: 1}
        assert picked(request.on_shown_body(ask("other"), three.now)) == [A]
        assert three.in_flight() == {A: 1}
        request.on_end("client_gone", three.now)
    assert three.in_flight() == {}


def scores(playbook: Playbook) -> Any:
    """Of every endpoint, for its open prompt tokens."""
    request = open_picked(playbook)
    request.wants_scores = True
    command = request.on_request(ask("m"), playbook.now)
    request.on_end("client_gone", playbook.now)
    assert isinstance(command, Picked)
    return command.scores


@pytest.mark.parametrize("shown", [False, True])
def test_a_body_that_waits_for_an_adapter_is_picked_and_counted_as_what_it_is(playbook: Any, shown: bool) -> None:
    """Not as the choice that was made without it: that one's prompt has no tokens, and they are given back."""
    one: Playbook = playbook(TOKENS)
    states = [endpoint(A, "m"), endpoint(B, "m")]
    one.fleet({POOL: [replace(state, expected=frozenset({"lora"})) for state in states]})
    others = [open_picked(one) for _ in range(4)]
    long = "word " * 1000
    for other in others:
        other.on_request(ask("m", long), one.now)
    busy = scores(one)
    assert max(busy.values()) < 1.0
    request = open_picked(one)
    commands: list[Any] = []
    request.resume = commands.append
    request.on_request(None, one.now)
    choose = request.on_shown_body if shown else request.on_late_body
    assert isinstance(choose(ask("lora", long), one.now), Wait)
    assert scores(one) == busy
    assert sum(one.in_flight().values()) == len(others)
    one.fleet({POOL: [endpoint(A, "m", "lora<m"), endpoint(B, "m")]})
    assert [picked(command) for command in commands] == [[A]]
    assert request.target_model == "lora"
    assert scores(one)[A] < busy[A]
    request.on_end("done", one.now)
    assert scores(one) == pytest.approx(busy)
    for other in others:
        other.on_end("done", one.now)
    assert set(scores(one).values()) == {1.0}


def test_a_body_that_waits_for_an_adapter_in_vain_leaves_nothing_counted(playbook: Any) -> None:
    one: Playbook = playbook(TOKENS)
    loading = {POOL: [replace(endpoint(A, "m"), expected=frozenset({"lora"}))]}
    for gone in (False, True):
        one.fleet(loading)
        request = open_picked(one)
        commands: list[Any] = []
        request.resume = commands.append
        request.on_request(None, one.now)
        assert isinstance(request.on_shown_body(ask("lora", "word " * 1000), one.now), Wait)
        if not gone:
            one.fleet({POOL: [endpoint(A, "m")]})
            assert isinstance(commands.pop(), Respond)
        request.on_end("client_gone", one.now)
        one.fleet({POOL: [endpoint(A, "m", "lora<m")]})
        assert commands == []
        assert one.in_flight() == {}
        assert scores(one) == {A: 1.0}
