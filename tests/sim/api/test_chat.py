from __future__ import annotations

from typing import Any

import pytest

from modelyard.sim.api.chat import Chat
from modelyard.sim.api.errors import ApiError

HELLO = [{"role": "user", "content": "hello"}]


def test_a_whole_answer_has_vllms_fields(jobs: Any) -> None:
    answer = jobs.whole(Chat(), model="m", messages=HELLO, max_tokens=5, n=2)
    assert answer["object"] == "chat.completion"
    assert answer["system_fingerprint"] == "modelyard-sim"
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["choices"][0]["message"]["content"].startswith("[simulated]")
    assert answer["usage"]["completion_tokens"] == 10
    assert answer["usage"]["prompt_tokens"] * 2 + 10 > answer["usage"]["total_tokens"], "n counts a prompt once"


def test_a_stream_opens_with_the_role_and_ends_with_done(jobs: Any) -> None:
    stream = jobs.stream(Chat(), model="m", messages=HELLO, max_tokens=3)
    chunks = jobs.data(stream)
    assert stream.endswith(b"data: [DONE]\n\n")
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "length"]
    assert "system_fingerprint" not in chunks[1]
    assert chunks[-1]["system_fingerprint"] == "modelyard-sim"
    assert all(chunk["object"] == "chat.completion.chunk" and chunk["id"] == "chatcmpl-1" for chunk in chunks)


def test_a_stream_says_what_the_whole_answer_says(jobs: Any) -> None:
    body = {"model": "m", "messages": HELLO, "stop": "the "}
    chunks = jobs.data(jobs.stream(Chat(), **body))
    whole = jobs.whole(Chat(), **body)["choices"][0]
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == whole["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"]
    assert chunks[-1]["choices"][0]["stop_reason"] == whole["stop_reason"]


def test_usage_comes_in_a_chunk_of_its_own(jobs: Any) -> None:
    options = {"include_usage": True}
    chunks = jobs.data(jobs.stream(Chat(), messages=HELLO, max_tokens=3, stream_options=options))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 3
    assert chunks[-1]["system_fingerprint"] == "modelyard-sim"
    assert all("usage" not in chunk and "system_fingerprint" not in chunk for chunk in chunks[:-1])


def test_continuous_usage_counts_up(jobs: Any) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    chunks = jobs.data(jobs.stream(Chat(), messages=HELLO, max_tokens=3, stream_options=options))
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [0, 1, 2, 3, 3]


def test_choices_of_a_stream_keep_their_numbers(jobs: Any) -> None:
    chunks = jobs.data(jobs.stream(Chat(), messages=HELLO, max_tokens=2, n=3))
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 1, 2, 0, 0, 1, 1, 2, 2]


def test_max_completion_tokens_wins(jobs: Any) -> None:
    assert jobs.ask(Chat(), messages=HELLO, max_tokens=5, max_completion_tokens=7).limit == 7


def test_tools_are_part_of_the_prompt(jobs: Any) -> None:
    plain = jobs.ask(Chat(), messages=HELLO)
    tooled = jobs.ask(Chat(), messages=HELLO, tools=[{"type": "function"}])
    assert len(tooled.prompts[0]) > len(plain.prompts[0])


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": [{"content": "x"}]}, {"messages": "hi"}])
def test_a_body_without_messages_is_refused(jobs: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        jobs.ask(Chat(), **body)
    assert caught.value.status == 400
