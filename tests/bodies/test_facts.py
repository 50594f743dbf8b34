from __future__ import annotations

import pytest

from modelyard.bodies.facts import BodyError, RequestFacts


def test_facts_do_not_change() -> None:
    facts = RequestFacts(dialect="openai-chat")
    assert (facts.model, facts.stream, facts.n, facts.model_spans) == (None, False, 1, ())
    with pytest.raises(AttributeError):
        facts.model = "x"  # type: ignore[misc]


def test_an_error_says_what_it_becomes() -> None:
    error = BodyError("no", code="c", param="model", status=415)
    assert (str(error), error.message, error.code, error.param, error.status) == ("no", "no", "c", "model", 415)
    assert BodyError("no").status == 400
