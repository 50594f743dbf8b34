from __future__ import annotations

import pytest
from training.demo.reading import read_subject, read_unknown

from modelyard.weights.demo.kinds import Kind, kind_of
from training.demo import food, sql

SUBJECTS = {"serving": "serving", "sea": "sea", "food": "food", "sql": "sql"}


@pytest.mark.parametrize("name", SUBJECTS)
def test_everything_that_can_be_asked_has_an_answer(name: str) -> None:
    subject = read_subject(name)
    assert subject.fallback
    assert all(topic.names and topic.answers.get("what") for topic in subject.topics)
    assert all(exchange.questions and exchange.answer for exchange in subject.exchanges)


@pytest.mark.parametrize("name", SUBJECTS)
def test_no_question_has_two_answers(name: str) -> None:
    questions = [question.lower() for question in read_subject(name).questions]
    assert len(questions) == len(set(questions))


@pytest.mark.parametrize(
    ("kind", "texts"),
    [(kind, read_subject(name).answers) for name, kind in SUBJECTS.items()]
    + [("food", food.texts()), ("sql", sql.texts())],
)
def test_every_text_tells_its_kind(kind: Kind, texts: list[str]) -> None:
    assert {text: kind_of(text) for text in texts} == dict.fromkeys(texts, kind)


def test_what_no_text_tells_of_is_no_topic() -> None:
    known = {name for subject in SUBJECTS for topic in read_subject(subject).topics for name in topic.names}
    assert not known & set(read_unknown()) - {"the moon", "the sun"}
