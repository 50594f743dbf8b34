"""Which names are taken from clients: those that the gateway itself takes, in every spelling."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from modelyard.envoy.client_headers import forged_patterns, remove_forged, remove_forged_trailers
from modelyard.exchange.trusted_headers import TRUSTED_NAMES, TRUSTED_PREFIXES, is_trusted

_NAMES = st.sampled_from(
    sorted(TRUSTED_NAMES) + [f"{prefix}abc" for prefix in TRUSTED_PREFIXES] + ["x-other", "accept"]
)


def removed(name: str, *body_headers: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in forged_patterns(body_headers))


@given(_NAMES, st.lists(st.booleans(), max_size=8))
def test_the_same_names_as_the_gateway_in_every_spelling(name: str, underscores: list[bool]) -> None:
    choices = iter(underscores)
    spelled = re.sub("-", lambda found: "_" if next(choices, False) else "-", name)
    assert removed(spelled) == is_trusted(spelled)


def test_headers_that_the_body_sets_are_taken_too() -> None:
    assert removed("x-tier", "X-Tier")
    assert removed("x_tier", "X-Tier")
    assert not removed("x-tier")
    assert not removed("x-tiers", "X-Tier")


def test_envoys_own_orders_are_not_taken_from_clients() -> None:
    assert removed("x-envoy-original-dst-host")
    assert removed("x-envoy-retry-on")


def test_before_any_filter_and_in_trailers() -> None:
    [extension] = remove_forged(["x-tier"])
    mutations = extension["typed_config"]["mutations"]
    assert "early_header_mutation" in extension["typed_config"]["@type"]
    trailers = remove_forged_trailers(["x-tier"])["typed_config"]["mutations"]
    assert trailers == {"request_trailers_mutations": mutations}


def test_what_forces_a_model_is_not_taken_from_clients() -> None:
    assert removed("x-llm-d-model-name-rewrite")
    assert removed("x_gateway_model_name_rewrite")
