"""The header that forces a model."""

from __future__ import annotations

import pytest

from modelyard.exchange.forced_model import forced_model

NEW, OLD = "x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite"


@pytest.mark.parametrize(
    ("headers", "model"),
    [
        ({}, ""),
        ({NEW: "a"}, "a"),
        ({OLD: "a"}, "a"),
        ({OLD: "a", NEW: "b"}, "b"),
        ({OLD: "a", NEW: ""}, "a"),
        ({NEW: "模型".encode().decode("latin-1")}, "模型"),
        ({NEW: "x" * 2000}, ""),
        ({NEW: "a\tb"}, ""),
    ],
)
def test_the_current_name_of_the_header_counts_first(headers: dict[str, str], model: str) -> None:
    assert forced_model(headers) == model
