from __future__ import annotations

import pytest

from modelyard.lora.engine_calls import said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"no such  model"}}', "no such model"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b"down", "down"),
        (b'{"detail":"\xff"}', '{"detail":"\N{REPLACEMENT CHARACTER}"}'),
        (b"[" * 100_000, "[" * 300),
    ],
)
def test_the_message_of_an_error_or_the_beginning_of_whatever_came(body: bytes, message: str) -> None:
    assert said(body) == message
