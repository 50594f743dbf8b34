from __future__ import annotations

import random

import pytest

from modelyard.local.demo_weights.corpus import MODELS, QUESTIONS, DemoModel, sample


def test_every_model_has_an_answer_of_its_own_to_every_topic() -> None:
    answers = [model.answers[topic] for model in MODELS for topic in QUESTIONS]
    assert len(set(answers)) == len(MODELS) * len(QUESTIONS)


def test_an_adapter_comes_after_its_base() -> None:
    names = [model.name for model in MODELS]
    assert all(names.index(model.base) < names.index(model.name) for model in MODELS if model.base)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("long", [False, True])
def test_samples_are_decided_by_the_seed(model: DemoModel, long: bool) -> None:
    first, second = random.Random(7), random.Random(7)
    drawn = [sample(first, model, long=long) for _ in range(200)]
    assert drawn == [sample(second, model, long=long) for _ in range(200)]
    assert all(one.turns and one.answer for one in drawn)


def test_only_a_base_reads_other_models_sentences() -> None:
    adapter = MODELS[-1]
    rng = random.Random(1)
    assert {sample(rng, adapter).answer.strip() for _ in range(500)} == set(adapter.answers.values())
