"""Headers that clients may not set."""

from __future__ import annotations

import pytest

from modelyard.exchange.trusted_headers import is_trusted, strip_trusted
from modelyard.http1.message_heads import RequestHead


def head(*names: str) -> RequestHead:
    headers = [(name, "v") for name in names]
    return RequestHead("GET", "/", "/", "", 1, "h", "h", headers, dict(headers))


@pytest.mark.parametrize(
    "name",
    [
        "x-gateway-destination-endpoint",
        "x-gateway-destination-endpoint-subset",
        "x_gateway_destination_endpoint",
        "x-gateway-model-name",
        "x_gateway_model_name",
        "x-gateway-base-model-name",
        "serve_multiplexed_model_id",
        "serve-multiplexed-model-id",
        "x-prefiller-host-port",
        "x-prefiller-url",
        "x-modelyard-anything",
        "x-data-parallel-host-port",
        "x-kv-cache-source-host-port",
        "x-encoder-hosts-ports",
    ],
)
def test_stripped_in_every_spelling(name: str) -> None:
    request = head("accept", name, "x-request-id")
    strip_trusted(request)
    assert is_trusted(name)
    assert [field[0] for field in request.headers] == ["accept", "x-request-id"]
    assert name not in request.by_name


@pytest.mark.parametrize("name", ["x-gateway-inference-objective", "x-session-token", "authorization", "x-model"])
def test_others_stay(name: str) -> None:
    request = head(name)
    strip_trusted(request)
    assert name in request.by_name


def test_headers_that_a_body_field_sets_go_too() -> None:
    request = head("tenant", "x_tenant")
    strip_trusted(request, frozenset({"tenant", "x-tenant"}))
    assert request.headers == []
