from __future__ import annotations

import pytest

from modelyard.bodies.facts import BodyError
from modelyard.exchange.body_reading import NO_FACTS
from modelyard.exchange.shown_bodies import facts_of, named_in_beginning, named_in_head
from modelyard.http1.message_heads import RequestHead
from modelyard.http1.request_parsing import parse_request_head


def head(path: str, *fields: str) -> RequestHead:
    lines = [f"POST {path} HTTP/1.1", "host: a", *fields, "", ""]
    return parse_request_head("\r\n".join(lines).encode())


def test_paths_of_apis_are_read_strictly_and_others_as_far_as_they_go() -> None:
    assert facts_of(head("/v1/completions"), b'{"model": "m", "prompt": "p"}').model == "m"
    assert facts_of(head("/llama/v1/completions"), b'{"model": "m", "prompt": "p"}').model == "m"
    assert facts_of(head("/elsewhere"), b'{"model": "m"}').model == "m"
    for body in (b"no json", b"[1]"):
        assert facts_of(head("/elsewhere"), body) is NO_FACTS
        with pytest.raises(BodyError):
            facts_of(head("/v1/completions", "content-type: application/json"), body)


def test_without_a_body_the_router_before_has_read_the_name() -> None:
    assert named_in_head(head("/v1/completions", "x-gateway-model-name: m")).model == "m"
    assert named_in_head(head("/v1/completions")) is NO_FACTS
    assert named_in_head(head("/v1/completions", "x-gateway-model-name: " + "a" * 1025)) is NO_FACTS


def test_the_beginning_may_name_it() -> None:
    found = named_in_beginning(b'{"model": "m", "prompt": "Once upon')
    assert found is not None
    assert found.model == "m"
    assert named_in_beginning(b'{"prompt": "Once upon') is None
