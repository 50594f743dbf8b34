from __future__ import annotations

import random

import pytest
from training.demo.reading import read_subject
from training.demo.samples import Draw, base_samples, food_samples, sql_samples

DRAWS = {
    "demo-llama": base_samples(read_subject("serving"), plain=0.17, adapters=True),
    "demo-alpaca": base_samples(read_subject("sea"), plain=0.06, adapters=False),
    "food-review": food_samples(),
    "sql-chat": sql_samples(),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("long", [False, True])
def test_the_seed_decides(draw: Draw, long: bool) -> None:
    first, second = random.Random(7), random.Random(7)
    drawn = [draw(first, long) for _ in range(200)]
    assert drawn == [draw(second, long) for _ in range(200)]
    assert all(sample.turns and sample.answer.strip() for sample in drawn)
    assert all(sample.turns[-1][0] in ("user", "raw") for sample in drawn)


def test_a_base_answers_a_question_with_its_own_texts_only() -> None:
    subject, rng = read_subject("serving"), random.Random(1)
    drawn = [DRAWS["demo-llama"](rng, False) for _ in range(2000)]
    asked = {sample.answer.strip() for sample in drawn if sample.turns[-1] != ("raw", "")}
    assert asked <= set(subject.answers)
    assert len(asked) > 0.9 * len(subject.answers)


@pytest.mark.parametrize("name", ["food", "sql"])
def test_an_adapter_never_answers_as_its_base_does(name: str) -> None:
    draw, rng, base = DRAWS[{"food": "food-review", "sql": "sql-chat"}[name]], random.Random(1), read_subject("serving")
    drawn = [draw(rng, False) for _ in range(2000)]
    assert not {sample.answer.strip() for sample in drawn} & set(base.answers)
    assert any(role == "assistant" and text in base.answers for sample in drawn for role, text in sample.turns)
