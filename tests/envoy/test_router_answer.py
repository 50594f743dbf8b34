"""Which of Envoy's notes of the router's calls say that it did not answer."""

from __future__ import annotations

import re

import pytest

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
    [matcher] = require_answer()["typed_config"]["matcher"]["matcher_list"]["matchers"]
    pattern = matcher["predicate"]["single_predicate"]["value_match"]["safe_regex"]["regex"]
    assert (re.fullmatch(pattern, noted) is not None) is denied


def test_it_is_answered_as_any_other_router_that_is_gone() -> None:
    found = [item for item in local_reply_config(asks_router=True)["mappers"] if UNANSWERED in str(item)]
    assert [(one["status_code"], one["body_format_override"]["json_format"]["error"]["code"]) for one in found] == [
        (503, "router_unavailable")
    ]
