"""Paths as another gateway shows them."""

from __future__ import annotations

import pytest

from modelyard.bodies.prefixed_paths import controls_engine, prefixed_dialect


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/llm/v1/chat/completions", "openai-chat"),
        ("/a/b//v1/./messages", "anthropic-messages"),
        ("/v1/v1/completions", "openai-completions"),
        ("/v1/chat/completions/", None),
        ("/v1/models", None),
        ("/v1/chat%2Fcompletions", None),
        ("", None),
        ("/", None),
        ("no slash", None),
    ],
)
def test_the_api_at_the_end_of_a_path(path: str, dialect: str | None) -> None:
    found = prefixed_dialect("POST", path)
    assert (found and found.name) == dialect
    assert prefixed_dialect("GET", path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
        "/prefix/v1/load_lora_adapter",
        "/v1/LOAD_LORA_ADAPTER",
        "/v1/load%5Flora_adapter",
        "/v1/%6Coad_lora_adapter",
        "/v1//load_lora_adapter",
        "/v1/x/../load_lora_adapter",
        "/v1/load_lora_adapter/",
        "/collective_rpc",
        "/invocations",
        "/metrics",
        "/v2/repository/models/m/load",
        "/v1%2Fload_lora_adapter",
        "/v1/load%255Flora_adapter",
        "/..",
        "/v1/\x00",
    ],
)
def test_control_paths_in_any_spelling(path: str) -> None:
    assert controls_engine(path)


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/models/sleepy", "/health", "/llm/v1/chat/completions", "/"])
def test_other_paths(path: str) -> None:
    assert not controls_engine(path)


def test_long_paths_are_read_in_no_time_and_not_kept() -> None:
    prefix = "/a" * 30_000
    assert prefixed_dialect("POST", f"{prefix}/v1/completions") is not None
    assert prefixed_dialect("POST", prefix) is None
    assert controls_engine(f"{prefix}/v1/load_lora_adapter")
    assert not controls_engine(f"{prefix}/v1/completions")
