from __future__ import annotations

import pytest

from modelyard.bodies.openai_completions import OpenAiCompletions

COMPLETIONS = OpenAiCompletions()


@pytest.mark.parametrize("prompt", [b'"once"', b'["a","b"]', b"[1,2,3]", b"[[1],[2]]"])
def test_reads_any_form_of_prompt(prompt: bytes) -> None:
    facts = COMPLETIONS.read(b'{"model":"a","prompt":' + prompt + b',"stream":true}', "", "")
    assert (facts.dialect, facts.model, facts.stream) == ("openai-completions", "a", True)
    assert facts.prompt == prompt


@pytest.mark.parametrize(
    ("fields", "n"), [(b'"n":2', 2), (b'"best_of":5', 5), (b'"n":2,"best_of":5', 5), (b'"n":null', 1), (b'"n":0', 1)]
)
def test_counts_the_choices_that_are_generated(fields: bytes, n: int) -> None:
    facts = COMPLETIONS.read(b"{" + fields + b',"max_tokens":9,"stream_options":{"include_usage":true}}', "", "")
    assert (facts.n, facts.max_tokens, facts.include_usage) == (n, 9, True)
