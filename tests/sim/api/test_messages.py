from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelyard.sim.api.errors import ApiError
from modelyard.sim.api.messages import Messages, count_tokens

HELLO = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]


def test_a_whole_message(jobs: Any) -> None:
    answer = jobs.whole(Messages(), model="m", messages=HELLO, max_tokens=5, system="be kind")
    assert (answer["type"], answer["role"], answer["stop_reason"]) == ("message", "assistant", "max_tokens")
    assert answer["content"][0]["text"].startswith("[simulated]")
    assert answer["usage"]["output_tokens"] == 5


def test_a_stop_sequence_is_named(jobs: Any) -> None:
    answer = jobs.whole(Messages(), model="m", messages=HELLO, max_tokens=50, stop_sequences=["ed] "])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "ed] ")


def test_events_are_anthropics(jobs: Any) -> None:
    stream = jobs.stream(Messages(), model="m", messages=HELLO, max_tokens=3)
    events = jobs.data(stream)
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[2:5] == ["content_block_delta"] * 3
    assert kinds[5:] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[-2]["usage"]["output_tokens"] == 3
    assert stream.startswith(b"event: message_start\ndata: ")


def test_counting_agrees_with_answering(jobs: Any) -> None:
    body = {"model": "m", "messages": HELLO, "system": "be kind", "max_tokens": 3}
    _, count = count_tokens(msgspec.json.encode(body))
    assert count == jobs.whole(Messages(), **body)["usage"]["input_tokens"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": HELLO},
        {"model": "m", "max_tokens": 3, "messages": []},
        {"model": "m", "max_tokens": 0, "messages": HELLO},
        {"max_tokens": 3, "messages": HELLO},
    ],
)
def test_what_is_missing_is_refused(jobs: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        jobs.ask(Messages(), **body)
    assert caught.value.status == 400
