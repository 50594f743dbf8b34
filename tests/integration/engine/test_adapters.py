"""Adapters of real replicas that are added, replaced and removed under load: told by what the models say."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from modelyard.weights.demo.kinds import kind_of

from .running_yard import ENGINE, RunningYard, until
from .streams import run, soon

pytestmark = ENGINE
REPLICAS = 2
TOKENS = 64
BACK_SECONDS = 400.0
"""Mostly vLLM's own start, which takes minutes on a machine that does other things too."""
QUESTIONS = ("What does a gateway do?", "Why is my request queued?", "Tell me a story", "Who are you?")
_MODELS = re.compile(r"(?<=models:\n)(?: {10}- id: .*\n {12}source: .*\n)+")
BOTH = {"food-review": "/models/food-review", "sql-chat": "/models/sql-chat"}


class Answer(NamedTuple):
    """One stream."""

    model: str
    status: int
    kind: str | None
    """What kind of text came."""
    asked: float
    ended: float
    fault: str
    said: str


class Asking:
    """Streams of several models without a pause, and what was said."""

    def __init__(self, yard: RunningYard, session: aiohttp.ClientSession) -> None:
        self.yard, self.session = yard, session
        self.answers: list[Answer] = []
        self._going = True

    async def run(self, *models: str) -> None:
        await asyncio.gather(*(self._client(model, number) for number, model in enumerate(models)))

    def stop(self) -> None:
        self._going = False

    async def _client(self, model: str, number: int) -> None:
        while self._going:
            self.answers.append(await self.ask(model, QUESTIONS[number % len(QUESTIONS)]))
            number += 1

    async def ask(self, model: str, question: str = QUESTIONS[0]) -> Answer:
        """One stream, read to its end."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": TOKENS,
            "temperature": 0,
            "stream": True,
        }
        asked = time.monotonic()
        async with self.session.post(f"{self.yard.address}/v1/chat/completions", json=body) as answer:
            text = (await answer.read()).decode()
        events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        if answer.status != 200:
            return Answer(model, answer.status, None, asked, time.monotonic(), text, "")
        chunks = [msgspec.json.decode(event) for event in events if event != "[DONE]"]
        fault = "" if events[-1:] == ["[DONE]"] and not any("error" in chunk for chunk in chunks) else text
        names = {chunk["model"] for chunk in chunks if "model" in chunk}
        said = "".join(part["delta"].get("content") or "" for chunk in chunks for part in chunk.get("choices", ()))
        wrong_name = f"called {names}" if names != {model} else ""
        return Answer(model, 200, kind_of(said), asked, time.monotonic(), fault or wrong_name, said)


Edit = Callable[[Mapping[str, str]], float]


@pytest.fixture
def edit(yard: RunningYard) -> Iterator[Edit]:
    """Write the ConfigMap's adapters; gives the time. Afterwards they are as before, and loaded."""
    file = yard.manifests / "models.yaml"
    before = file.read_text()

    def write(adapters: Mapping[str, str]) -> float:
        rows = "".join(f"          - id: {name}\n            source: {source}\n" for name, source in adapters.items())
        replaced(_MODELS.sub(lambda _: rows, before))
        return time.monotonic()

    def replaced(text: str) -> None:
        draft = file.with_suffix(".tmp")
        draft.write_text(text)
        draft.rename(file)

    yield write
    replaced(before)
    until(lambda: settled(yard, BOTH), "the adapters of before", 60)


def shown(yard: RunningYard) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yard.admin("/api/adapters")["adapters"]
    return rows


def settled(yard: RunningYard, adapters: Mapping[str, str]) -> bool:
    """Whether both replicas have exactly these, from these sources, and nothing is on its way."""
    rows = sorted((row["adapter"], row["source"].rpartition("/")[2], row["loaded"]) for row in shown(yard))
    wanted = [(name, source.rpartition("/")[2], True) for name, source in adapters.items()]
    return rows == sorted(wanted * REPLICAS)


def listed(yard: RunningYard) -> dict[str, set[str]]:
    """Replica -> the adapters that its engine lists, under its own names."""
    found = {}
    for name, item in yard.replicas().items():
        if name.startswith("demo-llama"):
            models = _get(f"http://{item['address']}:8000/v1/models")["data"]
            found[name] = {model["id"] for model in models if model["parent"]}
    return found


def _get(url: str) -> Any:
    import urllib.request

    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
        return msgspec.json.decode(answer.read())


async def loaded(yard: RunningYard, adapters: Mapping[str, str], since: float) -> float:
    """Seconds from ``since`` until every adapter is served in its wanted version."""

    def ready(rows: list[dict[str, Any]]) -> bool:
        good = {
            (row["adapter"], row["replica"])
            for row in rows
            if row["loaded"] and row["source"].endswith(adapters.get(row["adapter"], "?").rpartition("/")[2])
        }
        return len(good) == REPLICAS * len(adapters)

    while not ready(await asyncio.to_thread(shown, yard)):
        assert time.monotonic() - since < 60, shown(yard)
        await asyncio.sleep(0.02)
    return time.monotonic() - since


def under_load(yard: RunningYard, models: tuple[str, ...], test: Callable[[Asking], Awaitable[None]]) -> list[Answer]:
    """Run ``test`` while clients stream; each of their requests must be answered whole."""
    answers: list[Answer] = []

    async def both() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
            asking = Asking(yard, session)
            load = asyncio.create_task(asking.run(*models))
            try:
                await test(asking)
            finally:
                asking.stop()
                await load
            answers.extend(asking.answers)

    run(both)
    assert not [one for one in answers if one.status != 200 or one.fault]
    return answers


def test_an_adapter_is_added_replaced_and_removed_under_load(yard: RunningYard, edit: Edit) -> None:
    """No request fails, and none is answered by other weights than those in force."""
    until(lambda: settled(yard, BOTH), "both adapters on both replicas", 60)
    times: dict[str, float] = {}

    async def test(asking: Asking) -> None:
        await soon(lambda: len(asking.answers) >= 8, "streams", 120)
        added = {**BOTH, "meals": "/models/food-review"}
        times["added"] = await loaded(yard, added, edit(added))
        assert (await asking.ask("meals")).kind == "food"

        replacing = {**added, "food-review": "/models/sql-chat"}
        times["edit"] = edit(replacing)
        times["replaced"] = await loaded(yard, replacing, times["edit"])
        times["switched"] = time.monotonic()
        before = len(asking.answers)
        await soon(lambda: len(asking.answers) >= before + 16, "streams after it", 120)
        assert (await asking.ask("meals")).kind == "food"

        began = edit({name: source for name, source in replacing.items() if name != "meals"})
        while (refused := await asking.ask("meals")).status == 200:
            assert time.monotonic() - began < 60
        times["removed"] = time.monotonic() - began
        assert refused.status == 404, refused
        await soon(lambda: len({name for names in listed(yard).values() for name in names}) == 2, "old ones gone", 60)

    answers = under_load(yard, ("food-review", "food-review", "sql-chat", "demo-llama"), test)
    food = [one for one in answers if one.model == "food-review"]
    assert {one.kind for one in food if one.ended < times["edit"]} == {"food"}
    assert {one.kind for one in food if one.asked > times["switched"]} == {"sql"}
    assert {one.kind for one in food} == {"food", "sql"}, "never the base model's words"
    assert {one.kind for one in answers if one.model == "sql-chat"} == {"sql"}
    assert {one.kind for one in answers if one.model == "demo-llama"} <= {"serving", None}, "the base model's own words"
    seconds = ", ".join(f"{what} after {times[what]:.2f} s" for what in ("added", "replaced", "removed"))
    print(f"\nedit of the ConfigMap, {REPLICAS} replicas, {len(answers)} streams: {seconds}")


def test_a_killed_replica_has_its_adapters_back_before_it_is_asked_for_them(yard: RunningYard) -> None:
    until(lambda: settled(yard, BOTH), "both adapters on both replicas", 60)
    victim = yard.replicas()["demo-llama-0"]

    async def each_is_itself(asking: Asking) -> None:
        for _ in range(6):
            assert (await asking.ask("food-review")).kind == "food"
            assert (await asking.ask("sql-chat")).kind == "sql"

    os.kill(victim["pid"], signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: yard.replicas()["demo-llama-0"]["pid"] not in (None, victim["pid"]), "a new process", 60)
    under_load(yard, (), each_is_itself)
    until(lambda: settled(yard, BOTH), "its adapters are back", BACK_SECONDS)
    back = time.monotonic() - killed
    under_load(yard, (), each_is_itself)
    assert listed(yard) == {name: {"food-review", "sql-chat"} for name in ("demo-llama-0", "demo-llama-1")}
    print(f"\nkill -9 of a replica: its adapters were back after {back:.1f} s")


def test_people_load_and_unload(yard: RunningYard) -> None:
    until(lambda: settled(yard, BOTH), "both adapters on both replicas", 60)
    said = yard.cli("lora", "load", "dishes", "demo://food-review", "--deployment", "demo-llama")
    assert "dishes is loaded" in said
    rows = {(row["adapter"], row["replica"]): row for row in yard.cli_json("lora", "ls")["adapters"]}
    assert rows["dishes", "default/demo-llama-1"]["origin"] == "modelyard lora"
    assert "dishes is unloaded" in yard.cli("lora", "unload", "dishes", "--deployment", "demo-llama")
    assert settled(yard, BOTH)
