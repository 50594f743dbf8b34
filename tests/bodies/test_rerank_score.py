from __future__ import annotations

import pytest

from modelyard.bodies.rerank_score import RerankScore


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("query", "documents"),
        ("queries", "documents"),
        ("queries", "items"),
        ("text_1", "text_2"),
        ("data_1", "data_2"),
    ],
)
def test_the_query_comes_first(first: str, second: str) -> None:
    facts = RerankScore().read(f'{{"{second}":["d"],"model":"a","{first}":"q"}}'.encode(), "", "")
    assert (facts.dialect, facts.model, facts.prompt) == ("rerank-score", "a", b'"q"["d"]')
