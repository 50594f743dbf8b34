"""The expression for paths before a rewrite lets through exactly what the gateway lets through after it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.bodies.api_paths import MODEL_API_PATHS, is_model_api
from modelyard.envoy.model_paths import ANY_PATH, paths_before
from modelyard.routing.filters.path_changes import PathChange

_RESTS = st.one_of(
    st.sampled_from(sorted(MODEL_API_PATHS)),
    st.sampled_from(
        ["/v1/load_lora_adapter", "/invocations", "/v1", "/", "", "/v1/models/a/b", "/v1/responses/x/cancel"]
    ),
    st.sampled_from(["/chat/completions", "/models/x", "/models/x?y", "/completions/", "/load_lora_adapter"]),
    st.text("/v1models.-%?", max_size=12).map(lambda text: f"/{text}"),
)
_PREFIXES = st.sampled_from(["", "/", "/api", "/api/", "/v1", "/a.b"])


def fits(expression: str | None, path: str) -> bool:
    return expression is not None and re.fullmatch(expression, path) is not None


@given(_PREFIXES, st.sampled_from(["/", "/v1", "/v1/", "/v1/models", "/other"]), _RESTS)
def test_a_prefix_in_place_of_another(sent: str, replaced: str, rest: str) -> None:
    change = PathChange(replaced, prefix_only=True)
    expression = paths_before(change, sent)
    path = f"{sent.rstrip('/')}{rest}" or "/"
    if rest and "?" not in rest:
        assert fits(expression, path) == is_model_api(change.apply(path, sent)), (expression, path)


@given(_RESTS)
def test_without_a_rewrite(path: str) -> None:
    if "?" not in path:
        assert fits(paths_before(None, ""), path) == is_model_api(path)


@pytest.mark.parametrize("path", ["/v1/chat/completions?x=1", "/v1/models/a?b=/c"])
def test_a_query_changes_nothing(path: str) -> None:
    assert fits(paths_before(None, ""), path)


def test_a_whole_path_leads_to_the_api_or_does_not() -> None:
    assert paths_before(PathChange("/v1/chat/completions"), None) == ANY_PATH
    assert paths_before(PathChange("/v1/load_lora_adapter"), None) is None
