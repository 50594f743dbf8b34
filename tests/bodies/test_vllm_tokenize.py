from __future__ import annotations

from modelyard.bodies.vllm_tokenize import VllmTokenize


def test_reads_the_model_only() -> None:
    facts = VllmTokenize().read(b'{"model":"a","prompt":"text"}', "", "")
    assert (facts.dialect, facts.model, facts.prompt) == ("vllm-tokenize", "a", b"")
