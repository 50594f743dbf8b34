from __future__ import annotations

import pytest

from modelyard.bodies.claimed_paths import CLAIMS, claimed


@pytest.mark.parametrize(
    ("path", "parser"),
    [
        ("/v1/chat/completions", "openai-parser"),
        ("/v1/chat/completions/render", "openai-parser"),
        ("/v1/projects/p/%63ompletions/", "openai-parser"),
        ("/completions", "openai-parser"),
        ("/v1/messages", "anthropic-parser"),
        ("/v1/messages/count_tokens", "anthropic-parser"),
        ("/v1/mycompletions", ""),
        ("/v1/models", ""),
        ("/" + "a/" * 200 + "completions", "openai-parser"),
        ("", ""),
        ("//", ""),
        ("completions", ""),
    ],
)
def test_paths_go_to_the_parser_that_claims_them(path: str, parser: str) -> None:
    assert [name for name in CLAIMS if claimed(path, {name})] == ([parser] if parser else [])
