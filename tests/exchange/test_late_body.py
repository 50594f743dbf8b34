from __future__ import annotations

import json
from typing import Any

from modelyard.exchange.commands import Picked, Respond
from modelyard.exchange.picked_request import PickedRequest
from modelyard.http1.message_heads import RequestHead

from .conftest import POOL, Playbook, endpoint

A, B, C = "10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"


def open_picked(playbook: Playbook) -> PickedRequest:
    path = "/v1/completions"
    head = RequestHead("POST", path, path, "", 1, "", "", [], {"content-type": "application/json"})
    request = playbook.gateway.open_picked(POOL, head, playbook.now, within=None, forged=(), most_endpoints=3)
    assert request is not None
    return request


def ask(model: str) -> bytes:
    return json.dumps({"model": model, "prompt": "x"}).encode()


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
