"""Header lines of a proxy as a head."""

from __future__ import annotations

import pytest

from modelyard.extproc.request_heads import request_head, take_forged


def test_a_head() -> None:
    lines = [(":method", "POST"), (":path", "/a?b=c?d"), (":authority", "gw:80"), ("x", "1"), ("x", "2")]
    head = request_head(lines)
    assert (head.method, head.path, head.query, head.authority, head.by_name["x"]) == (
        "POST",
        "/a",
        "b=c?d",
        "gw:80",
        "1",
    )


def test_lines_may_be_missing() -> None:
    head = request_head([])
    assert (head.method, head.path, head.authority) == ("", "", "")
    assert request_head([("host", "gw")]).authority == "gw"


@pytest.mark.parametrize("twin", ["x_gateway_model_name", "x-gateway_base_model_name", "x_prefiller-x"])
def test_one_forged_line_alone_is_found(twin: str) -> None:
    head = request_head([("x-gateway-model-name", "a"), (twin, "evil"), ("x_gateway_model_names", "b")])
    assert take_forged(head) == [twin]
    assert set(head.by_name) == {"x-gateway-model-name", "x_gateway_model_names"}


def test_forged_lines_are_taken_out() -> None:
    names = ["x-gateway-destination-endpoint", "x_prefiller_host_port", "serve_multiplexed_model_id", "x-modelyard-x"]
    head = request_head([(name, "evil") for name in [*names, "x-gateway-model-name", "x-request-id"]])
    assert take_forged(head) == names
    assert set(head.by_name) == {"x-gateway-model-name", "x-request-id"}
