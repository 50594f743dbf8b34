"""Which requests for an upgrade are refused before they are forwarded."""

from __future__ import annotations

import re

from modelyard.envoy.local_replies import local_reply_config
from modelyard.envoy.upgrades import BODY_REFUSED, refuse_bodies


def test_a_length_of_zero_is_no_body() -> None:
    [policy] = refuse_bodies()["typed_config"]["rules"]["policies"].values()
    rules = [rule["header"] for rule in policy["permissions"][0]["or_rules"]["rules"]]
    [length] = [rule for rule in rules if rule["name"] == "content-length"]
    pattern = re.compile(length["string_match"]["safe_regex"]["regex"])
    assert [value for value in ("0", "00", "1", "10", "0x", "") if pattern.fullmatch(value)] == ["1", "10", "0x"]


def test_the_answer_is_the_apis_error() -> None:
    [mapper] = [item for item in local_reply_config(asks_router=False)["mappers"] if BODY_REFUSED in str(item)]
    assert mapper["status_code"] == 400
    assert mapper["body_format_override"]["json_format"]["error"]["code"] == "invalid_upgrade"
