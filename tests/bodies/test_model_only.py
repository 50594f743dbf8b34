from __future__ import annotations

from modelyard.bodies.model_only import ModelOnly


def test_reads_the_model_only() -> None:
    facts = ModelOnly().read(b'{"input":"text","model":"a"}', "", "")
    assert (facts.dialect, facts.model, facts.prompt) == ("model-only", "a", b"")
