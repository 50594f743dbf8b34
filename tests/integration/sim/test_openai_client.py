"""The real ``openai`` client against a simulated server."""

from __future__ import annotations

from typing import Any

import openai
import pytest

pytestmark = pytest.mark.integration
HELLO: Any = [{"role": "user", "content": "hello there"}]


def client(server: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{server.sim.url}/v1", api_key="unused", max_retries=0)


def test_chat(run: Any) -> None:
    async def scenario(server: Any) -> None:
        raw = await client(server).chat.completions.with_raw_response.create(
            model="m", messages=HELLO, max_tokens=12, n=2
        )
        answer = raw.parse()
        assert raw.headers["x-modelyard-simulated"] == "true"
        assert raw.headers["x-sim-endpoint"] == server.sim.address
        assert raw.headers["x-sim-model"] == answer.model == "m"
        assert answer.system_fingerprint == "modelyard-sim"
        assert [choice.finish_reason for choice in answer.choices] == ["length", "length"]
        assert answer.usage
        assert answer.usage.completion_tokens == 24

    run(scenario)


def test_the_same_question_has_the_same_answer_and_each_model_its_own(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chat = client(server).chat.completions

        async def said(model: str) -> str | None:
            answer = await chat.create(model=model, messages=HELLO, max_tokens=40)
            return answer.choices[0].message.content

        assert await said("m") == await said("m")
        assert await said("m") != await said("a")

    run(scenario, lora={"a": "/a"})


def test_a_chat_stream_with_usage(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chat = client(server).chat.completions
        stream = await chat.create(
            model="m", messages=HELLO, max_tokens=20, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        whole = await chat.create(model="m", messages=HELLO, max_tokens=20)
        assert text == whole.choices[0].message.content
        assert len(chunks) == 1 + 20 + 1
        assert chunks[-1].usage
        assert chunks[-1].usage.completion_tokens == 20

    run(scenario)


def test_a_second_turn_is_cached(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chat = client(server).chat.completions
        question: Any = [{"role": "user", "content": "tell me " * 40}]
        first = await chat.create(model="m", messages=question, max_tokens=64)
        said = first.choices[0].message.content
        more: Any = [*question, {"role": "assistant", "content": said}, {"role": "user", "content": "go on"}]
        second = await chat.create(model="m", messages=more, max_tokens=4)
        assert first.usage
        assert second.usage
        assert first.usage.prompt_tokens_details
        assert second.usage.prompt_tokens_details
        cached = second.usage.prompt_tokens_details.cached_tokens
        assert first.usage.prompt_tokens_details.cached_tokens == 0
        assert cached
        assert first.usage.total_tokens - 16 <= cached <= first.usage.total_tokens

    run(scenario)


def test_completions(run: Any) -> None:
    async def scenario(server: Any) -> None:
        completions = client(server).completions
        answer = await completions.create(model="m", prompt=["one", "two"], max_tokens=8)
        assert [choice.index for choice in answer.choices] == [0, 1]
        stream = await completions.create(model="m", prompt="one", max_tokens=8, stream=True)
        text = "".join([chunk.choices[0].text async for chunk in stream])
        assert text == answer.choices[0].text

    run(scenario)


def test_responses(run: Any) -> None:
    async def scenario(server: Any) -> None:
        responses = client(server).responses
        whole = await responses.create(model="m", input="hello")
        assert whole.status == "completed"
        stream = await responses.create(model="m", input="hello", stream=True)
        events = [event async for event in stream]
        assert events[-1].type == "response.completed"
        assert events[-1].response.output_text == whole.output_text

    run(scenario)


def test_embeddings_in_both_encodings(run: Any) -> None:
    async def scenario(server: Any) -> None:
        embeddings = client(server).embeddings
        packed = await embeddings.create(model="m", input=["hello", "there"])
        plain = await embeddings.create(model="m", input=["hello", "there"], encoding_format="float")
        assert len(packed.data) == 2
        assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding)
        assert len(plain.data[0].embedding) == 32
        short = await embeddings.create(model="m", input="hello", dimensions=8)
        assert len(short.data[0].embedding) == 8

    run(scenario, embedding_size=32)


def test_models_name_the_parent_of_an_adapter(run: Any) -> None:
    async def scenario(server: Any) -> None:
        cards = [card.model_dump() async for card in client(server).models.list()]
        assert [(card["id"], card["parent"]) for card in cards] == [("m", None), ("a", "m")]

    run(scenario, lora={"a": "/a"})


def test_transcription(run: Any) -> None:
    async def scenario(server: Any) -> None:
        audio = client(server).audio.transcriptions
        answer = await audio.create(model="m", file=("a.wav", b"\0" * 1000))
        assert answer.text.startswith("[simulated]")
        text = await audio.create(model="m", file=("a.wav", b"\0" * 1000), response_format="text")
        assert str(text).startswith("[simulated]")

    run(scenario)


def test_errors_are_the_clients_own_kinds(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chat = client(server).chat.completions
        with pytest.raises(openai.NotFoundError, match="does not exist"):
            await chat.create(model="other", messages=HELLO)
        with pytest.raises(openai.BadRequestError, match="maximum context length"):
            await chat.create(model="m", messages=[{"role": "user", "content": "x" * 1000}])

    run(scenario, max_model_len=100)
