from __future__ import annotations

from modelyard.bodies.openai_responses import OpenAiResponses


def test_reads_instructions_and_input_as_prompt() -> None:
    facts = OpenAiResponses().read(
        b'{"input":[{"role":"user","content":"hi"}],"instructions":"be brief","model":"a","stream":true,'
        b'"max_output_tokens":12}',
        "",
        "",
    )
    assert (facts.dialect, facts.model, facts.stream) == ("openai-responses", "a", True)
    assert (facts.max_tokens, facts.include_usage) == (12, True)
    assert facts.prompt == b'"be brief"[{"role":"user","content":"hi"}]'
