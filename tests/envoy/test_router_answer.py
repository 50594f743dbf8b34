"""Which of Envoy's notes of the router's calls say that it did not answer."""

from __future__ import annotations

import re

import pytest

from modelyard.envoy.api import Config
from modelyard.envoy.local_replies import local_reply_config
from modelyard.envoy.router_answer import UNANSWERED, require_answer


@pytest.mark.parametrize(
    ("noted", "denied"),
    [
        ("rh:772:10,bs:406,br:41,os:0,ds:modelyard-body-router", True),
        ("rh:602:0,rb:1:277:10,bs:446,br:53,os:0,ds:modelyard-body-router", True),
        ("rh:602:0,rb:1:277:0,bs:446,br:53,os:0,ds:modelyard-body-router", False),
        ("rh:602:0,bs:446,br:53,os:0,ds:modelyard-body-router", False),
        ("rh:602:1", True),
        ("", False),
    ],
)
def test_a_call_without_an_answer_is_known(noted: str, denied: bool) -> None:
    unanswered, _ = _predicates()
    assert _matches(unanswered, noted) is denied


@pytest.mark.parametrize(
    ("noted", "alone"),
    [
        ("rh:602:0,bs:446,br:53,os:0,ds:modelyard-body-router", True),
        ("rh:602:0", True),
        ("bs:446,rh:602:0,rt:80:0,br:53", True),
        ("rh:602:0,rb:1:277:0,bs:446,br:53,os:0,ds:modelyard-body-router", False),
        ("rb:1:277:0,bs:446,rh:602:0", False),
        ("rb:1:277:0", False),
        ("", False),
    ],
)
def test_an_answer_to_the_head_alone_is_known_and_is_none_where_there_is_a_body(noted: str, alone: bool) -> None:
    _, unread = _predicates()
    head_alone, _ = unread["and_matcher"]["predicate"]
    assert _matches(head_alone, noted) is alone


@pytest.mark.parametrize(
    ("came", "none"),
    [
        ("0 ms, 0 bytes", True),
        ("12 ms, 0 bytes", True),
        ("- ms, 0 bytes", False),
        ("- ms, 20 bytes", False),
        ("3 ms, 20 bytes", False),
        ("", False),
    ],
)
def test_no_body_is_one_that_is_known_not_to_come(came: str, none: bool) -> None:
    _, unread = _predicates()
    _, may_have_body = unread["and_matcher"]["predicate"]
    assert _matches(may_have_body["not_matcher"], came) is none


def _predicates() -> list[Config]:
    _, refusal = require_answer()
    [matcher] = refusal["typed_config"]["matcher"]["matcher_list"]["matchers"]
    found: list[Config] = matcher["predicate"]["or_matcher"]["predicate"]
    return found


def _matches(predicate: Config, noted: str) -> bool:
    pattern = predicate["single_predicate"]["value_match"]["safe_regex"]["regex"]
    return re.fullmatch(pattern, noted) is not None


def test_it_is_answered_as_any_other_router_that_is_gone() -> None:
    found = [item for item in local_reply_config(asks_router=True)["mappers"] if UNANSWERED in str(item)]
    assert [(one["status_code"], one["body_format_override"]["json_format"]["error"]["code"]) for one in found] == [
        (503, "router_unavailable")
    ]
