from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim import tokens
from modelyard.sim.api import bodies
from modelyard.sim.api.bodies import SamplingBody, decode, prompt_list, rendered, sampled, text_of
from modelyard.sim.api.errors import ApiError


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", "body"),
        (b"", "body"),
        (b"[]", "body"),
        (b"\xff", "body"),
        (b'{"x":' + b"[" * 100_000, "body"),
        (b'{"max_tokens": "x"}', "body.max_tokens"),
        (b'{"stream_options": {"include_usage": 3}}', "body.stream_options.include_usage"),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(body: bytes, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(body, SamplingBody)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_unknown_fields_are_ignored() -> None:
    assert decode(b'{"model": "m", "min_p": 0.1}', SamplingBody).model == "m"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 0}, "n"),
        ({"n": 20_000}, "n"),
        ({"stream_options": bodies.StreamOptions(include_usage=True)}, "stream_options"),
        ({"priority": 3}, "priority"),
    ],
)
def test_sampling_fields_are_checked_as_vllm_does(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        sampled(SamplingBody(**fields), [b"x"], [""], limit=1)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ApiError, match="at least 1"):
        sampled(SamplingBody(), [b"x"], [""], limit=0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hi", [b"hi"]),
        (["a", "b"], [b"a", b"b"]),
        (tokens.encode(b"hello"), [b"hello"]),
        ([tokens.encode(b"hello"), tokens.encode(b"you")], [b"hello", b"you"]),
    ],
)
def test_prompts_come_as_text_or_ids(value: Any, expected: list[bytes]) -> None:
    assert prompt_list(value) == expected


@pytest.mark.parametrize("value", [None, "", [], {}, [[]], [None], [["a"]], [-1], [[tokens.VOCABULARY]], 3])
def test_other_prompts_are_refused(value: Any) -> None:
    with pytest.raises(ApiError) as caught:
        prompt_list(value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hi", "hi"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}, "b"], "a<|image_url|>b"),
    ],
)
def test_the_text_of_a_message(content: Any, text: str) -> None:
    assert text_of(content) == text


@pytest.mark.parametrize("content", [3, {"text": "x"}, [3]])
def test_content_of_another_shape_is_refused(content: Any) -> None:
    with pytest.raises(ApiError):
        text_of(content)


turns = st.lists(st.tuples(st.sampled_from(["user", "system"]), st.text(max_size=20)), min_size=1, max_size=4)


@given(turns, st.text(max_size=20), st.text(max_size=20))
def test_the_next_turn_starts_with_the_last_and_its_answer(
    history: list[tuple[str, str]], answer: str, question: str
) -> None:
    before = rendered(history)
    said = answer.encode("utf-8", "replace")
    assert len(before) % tokens.BYTES_PER_TOKEN == 0
    after = rendered([*history, ("assistant", answer), ("user", question)])
    assert after.startswith(before + said)
