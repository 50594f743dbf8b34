"""Manifests that are edited while the yard serves: they take effect, and no request fails for it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
import pytest

from .running_yard import ENGINE, RunningYard
from .streams import run

pytestmark = ENGINE
CLIENTS = 4
NAMED = "edited.yaml"
ENOUGH = 20
"""Equal answers in a row that no 1:1 split gives."""

SPLIT = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {{name: split}}
spec:
  modelName: split
  criticality: Standard
  poolRef: {{name: demo-llama}}
  targetModels: {targets}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: split}}
spec:
  parentRefs: [{{name: quickstart}}]
  rules:
  - matches: [{{headers: [{{name: X-Gateway-Model-Name, value: split}}]}}]
    backendRefs: [{{group: inference.networking.k8s.io, kind: InferencePool, name: demo-llama}}]
"""

BOTH = "[{name: demo-llama, weight: 1}, {name: food-review, weight: 1}]"
ADAPTER = "[{name: food-review, weight: 1}]"
BROKEN = "[{name: food-review, weight: many}]"

ALPACAS_DOOR = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: alpacas-door}
spec:
  parentRefs: [{name: quickstart}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /alpaca}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: demo-alpaca}]
"""


@pytest.fixture
def edit(yard: RunningYard) -> Iterator[Callable[[str], None]]:
    """Write one more manifest; afterwards it is gone."""
    file = yard.manifests / NAMED

    def write(text: str) -> None:
        draft = file.with_suffix(".tmp")
        draft.write_text(text)
        draft.rename(file)

    yield write
    file.unlink(missing_ok=True)


class Clients:
    """Small requests for the quickstart's models without a pause, and what was answered."""

    def __init__(self, yard: RunningYard, session: aiohttp.ClientSession) -> None:
        self.yard, self.session = yard, session
        self.answers: Counter[int] = Counter()
        self._going = True

    async def run(self) -> None:
        models = ("demo-llama", "food-review", "demo-alpaca")
        await asyncio.gather(*(self._client(models[number % 3]) for number in range(CLIENTS)))

    def stop(self) -> None:
        self._going = False

    async def _client(self, model: str) -> None:
        while self._going:
            status, _ = await self.ask(model)
            self.answers[status] += 1

    async def ask(self, model: str, path: str = "/v1/chat/completions") -> tuple[int, str]:
        """Status, and what the model says (or the error's code)."""
        question = {"role": "user", "content": "Who are you?"}
        body = {"model": model, "messages": [question], "temperature": 0, "max_tokens": 8}
        async with self.session.post(self.yard.address + path, json=body) as answer:
            said = await answer.json()
            if answer.status == 200:
                assert said["model"] == model
                return 200, said["choices"][0]["message"]["content"]
            return answer.status, said["error"]["code"]

    async def until(self, model: str, status: int, path: str = "/v1/chat/completions") -> float:
        """Ask until the status comes; the seconds it took."""
        began = time.monotonic()
        while (found := await self.ask(model, path))[0] != status:
            assert time.monotonic() - began < 20, found
        return time.monotonic() - began


def under_load(yard: RunningYard, test: Callable[[Clients], Awaitable[None]]) -> None:
    """Run ``test`` while clients ask; each of their requests must be answered."""

    async def both() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            clients = Clients(yard, session)
            load = asyncio.create_task(clients.run())
            try:
                await test(clients)
            finally:
                clients.stop()
                await load
            assert set(clients.answers) == {200}, clients.answers

    before = {name: item["pid"] for name, item in yard.replicas().items()}
    run(both)
    assert {name: item["pid"] for name, item in yard.replicas().items()} == before


def test_a_split_is_added_changed_and_removed(yard: RunningYard, edit: Callable[[str], None]) -> None:
    async def test(clients: Clients) -> None:
        assert await clients.ask("split") == (404, "model_not_found")
        edit(SPLIT.format(targets=BOTH))
        seconds = [await clients.until("split", 200)]
        both = {(await clients.ask(model))[1] for model in ("demo-llama", "food-review")}
        assert len(both) == 2, both
        said: set[str] = set()
        began = time.monotonic()
        while said != both:
            assert time.monotonic() - began < 20, said
            said.add((await clients.ask("split"))[1])
            assert said <= both
        edit(SPLIT.format(targets=ADAPTER))
        adapter = (await clients.ask("food-review"))[1]
        began, in_a_row = time.monotonic(), 0
        while in_a_row < ENOUGH:
            in_a_row = in_a_row + 1 if (await clients.ask("split"))[1] == adapter else 0
            assert in_a_row or time.monotonic() - began < 20
        (yard.manifests / NAMED).unlink()
        seconds.append(await clients.until("split", 404))
        print(f"\nan edit took effect after {', '.join(f'{one:.2f} s' for one in seconds)}")

    under_load(yard, test)


def test_a_route_is_added(yard: RunningYard, edit: Callable[[str], None]) -> None:
    path = "/alpaca/v1/chat/completions"

    async def test(clients: Clients) -> None:
        assert (await clients.ask("demo-alpaca", "/none/v1/chat/completions"))[0] == 404
        edit(ALPACAS_DOOR)
        await clients.until("demo-alpaca", 200, path)
        (yard.manifests / NAMED).unlink()
        await clients.until("demo-alpaca", 404, path)

    under_load(yard, test)


def test_a_broken_edit_changes_nothing_and_is_reported(yard: RunningYard, edit: Callable[[str], None]) -> None:
    async def test(clients: Clients) -> None:
        edit(SPLIT.format(targets=BROKEN))
        began = time.monotonic()
        while not (errors := (await asyncio.to_thread(yard.admin, "/api/summary"))["errors"]):
            assert time.monotonic() - began < 20
            await asyncio.sleep(0.05)
        assert NAMED in errors[0]
        assert "weight" in errors[0]
        assert (await clients.ask("split"))[0] == 404
        edit(SPLIT.format(targets=BOTH))
        await clients.until("split", 200)
        assert not (await asyncio.to_thread(yard.admin, "/api/summary"))["errors"]

    under_load(yard, test)
