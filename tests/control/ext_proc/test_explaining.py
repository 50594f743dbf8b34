from __future__ import annotations

import pytest

from modelyard.control.ext_proc.explaining import picker_question

POOLS = [("default", "chat"), ("dev", "code")]


@pytest.mark.parametrize(
    ("asked", "pool"),
    [
        ({}, "default/chat"),
        ({"gateway": None}, "default/chat"),
        ({"pool": "code"}, "dev/code"),
        ({"gateway": "dev/code", "port": None}, "dev/code"),
    ],
)
def test_the_pool_that_is_meant(asked: dict[str, object], pool: str) -> None:
    question = picker_question({"body": {"model": "m"}, **asked}, POOLS)
    assert question.listener == pool
    assert question.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert question.body == b'{"model":"m"}'


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"pool": "x"}, "default/chat, dev/code"), ({"listener": "x"}, "unknown field"), ({"headers": 3}, "headers")],
)
def test_what_cannot_be_asked_is_told(asked: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        picker_question(asked, POOLS)
