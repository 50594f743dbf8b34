from __future__ import annotations

from typing import Any

from modelyard.sim.api.completions import Completions


def test_each_prompt_and_choice_has_an_answer(jobs: Any) -> None:
    answer = jobs.whole(Completions(), prompt=["a", "bcdefgh"], n=2, max_tokens=3)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert answer["object"] == "text_completion"
    assert answer["usage"]["prompt_tokens"] == 3
    assert answer["usage"]["completion_tokens"] == 12


def test_the_default_limit_is_sixteen(jobs: Any) -> None:
    assert jobs.ask(Completions(), prompt="x").limit == 16
    assert jobs.ask(Completions(), prompt="x", max_tokens=None).limit is None


def test_a_stream_says_what_the_whole_answer_says(jobs: Any) -> None:
    body = {"prompt": "a", "max_tokens": 5}
    stream = jobs.stream(Completions(), stream_options={"include_usage": True}, **body)
    chunks = jobs.data(stream)
    text = "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1])
    assert text == jobs.whole(Completions(), **body)["choices"][0]["text"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert stream.endswith(b"data: [DONE]\n\n")
