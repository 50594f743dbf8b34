from __future__ import annotations

from modelyard.bodies.anthropic_messages import AnthropicMessages


def test_reads_tools_system_and_messages_as_prompt() -> None:
    facts = AnthropicMessages("anthropic-messages").read(
        b'{"model":"a","max_tokens":64,"messages":[{"role":"user","content":"hi"}],"system":"be brief","stream":true,'
        b'"tools":[]}',
        "",
        "",
    )
    assert (facts.dialect, facts.model, facts.stream) == ("anthropic-messages", "a", True)
    assert (facts.max_tokens, facts.include_usage) == (64, True)
    assert facts.prompt == b'[]"be brief"[{"role":"user","content":"hi"}]'
