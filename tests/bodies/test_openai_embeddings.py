from __future__ import annotations

import pytest

from modelyard.bodies.openai_embeddings import OpenAiEmbeddings


@pytest.mark.parametrize("field", ["input", "messages", "texts"])
def test_reads_the_text_to_embed(field: str) -> None:
    facts = OpenAiEmbeddings().read(f'{{"model":"a","{field}":["x"]}}'.encode(), "", "")
    assert (facts.dialect, facts.model, facts.prompt, facts.stream) == ("openai-embeddings", "a", b'["x"]', False)
