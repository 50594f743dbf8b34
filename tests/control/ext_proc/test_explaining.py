from __future__ import annotations

import pytest

from modelyard.control.ext_proc.explaining import lacks_model, picker_questions

POOLS = [("default", "chat"), ("dev", "code")]


@pytest.mark.parametrize(
    ("asked", "pools"),
    [
        ({}, ["default/chat", "dev/code"]),
        ({"gateway": None}, ["default/chat", "dev/code"]),
        ({"pool": "code"}, ["dev/code"]),
        ({"gateway": "dev/code", "port": None}, ["dev/code"]),
    ],
)
def test_the_pools_that_are_meant(asked: dict[str, object], pools: list[str]) -> None:
    questions = picker_questions({"body": {"model": "m"}, **asked}, POOLS)
    assert [question.listener for question in questions] == pools
    question = questions[0]
    assert question.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert question.body == b'{"model":"m"}'


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"pool": "x"}, "default/chat, dev/code"), ({"listener": "x"}, "unknown field"), ({"headers": 3}, "headers")],
)
def test_what_cannot_be_asked_is_told(asked: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        picker_questions(asked, POOLS)


def test_a_pool_without_the_model_is_not_the_one() -> None:
    assert lacks_model({"answer": {"status": 404, "reason": "model_not_found"}})
    assert not lacks_model({"answer": {"status": 503, "reason": "no_endpoint"}})
    assert not lacks_model({"pick": "10.0.0.1:8000"})
