from __future__ import annotations

from modelyard.bodies.openai_chat import OpenAiChat

CHAT = OpenAiChat()


def test_reads_what_routing_flow_and_picking_need() -> None:
    facts = CHAT.read(
        b'{"model":"qwen","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function"}],"stream":true,'
        b'"stream_options":{"include_usage":true,"x":1},"max_tokens":7,"n":3,"temperature":0.5}',
        "application/json",
        "",
    )
    assert facts.dialect == "openai-chat"
    assert (facts.model, facts.stream, facts.include_usage) == ("qwen", True, True)
    assert (facts.max_tokens, facts.n) == (7, 3)
    assert facts.prompt == b'[{"type":"function"}][{"role":"user","content":"hi"}]'
    assert facts.prompt_tokens == len(facts.prompt) // 4


def test_defaults() -> None:
    facts = CHAT.read(b"{}", "", "")
    assert (facts.model, facts.stream, facts.include_usage) == (None, False, False)
    assert (facts.max_tokens, facts.n, facts.prompt, facts.prompt_tokens) == (None, 1, b"", 0)


def test_the_newer_limit_wins() -> None:
    assert CHAT.read(b'{"max_tokens":7,"max_completion_tokens":0}', "", "").max_tokens == 0


def test_only_true_streams() -> None:
    for value in (b"false", b"null", b'"true"', b"1"):
        assert CHAT.read(b'{"stream":' + value + b"}", "", "").stream is False


def test_odd_stream_options_are_the_engines_to_refuse() -> None:
    for value in (b"null", b"[]", b'{"include_usage":"yes"}'):
        facts = CHAT.read(b'{"model":"a","stream":true,"stream_options":' + value + b"}", "", "")
        assert (facts.model, facts.stream, facts.include_usage) == ("a", True, False)
