"""What is believed of an endpoint between what is said of its adapters and the list that is asked for then."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, cast

from modelyard.fleet.adapter_names import served_names
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.scrape.client import Client
from modelyard.scrape.connection import Reply
from modelyard.scrape.jobs import Shared
from modelyard.scrape.settings import ScrapeSettings
from modelyard.scrape.watch import Watch
from modelyard.scrape.wheel import Wheel

MODELS = b"/v1/models"
SOON: frozenset[str] = frozenset()


def listing(*adapters: str) -> bytes:
    rows = [{"id": "base"}, *({"id": name, "parent": "base"} for name in adapters)]
    return json.dumps({"object": "list", "data": rows}).encode()


class Scene:
    """One vLLM, a clock that moves when it is told to, and questions that stay open until they are answered."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[tuple[bytes, Callable[[Reply], None]]] = []
        self._wheel = Wheel(0.01)
        settings = ScrapeSettings(jitter=0.0)
        shared = Shared(settings, self._wheel, cast(Client, self), lambda: self.now, random.Random(1))
        self._endpoint = Endpoint(address="127.0.0.1:8000", engine="vllm")
        self.watch = Watch(shared, self._endpoint, lambda _: None)
        self.go()

    def get(self, target: object, request: bytes, *, done: Callable[[Reply], None], **_: Any) -> None:
        self.asked.append((request, done))

    def go(self, seconds: float = 0.1) -> None:
        """Let time pass: what is due is asked."""
        self.now += seconds
        for due in self._wheel.pop(self.now):
            due(self.now)

    def answer(self, *adapters: str) -> None:
        """What the engine listed when it was asked the open question."""
        [number] = [index for index, (request, _) in enumerate(self.asked) if MODELS in request]
        self.asked.pop(number)[1](Reply(200, listing(*adapters)))

    def tell(self, names: Mapping[str, str]) -> None:
        self.watch.set_adapters(names, SOON)

    @property
    def served(self) -> set[str]:
        """Names that requests can have now."""
        adapters, models = self.watch.adapter_names, self.watch.models
        return set(served_names(EndpointState(endpoint=self._endpoint, models=models, adapter_names=adapters)))


def test_an_unloaded_adapter_does_not_come_back_with_the_list_from_before() -> None:
    scene = Scene()
    scene.answer("food", "sql")
    scene.tell({"food": "food", "sql": "sql"})
    scene.go()
    scene.answer("food", "sql")
    assert scene.served == {"base", "food", "sql"}
    scene.tell({"food": "food", "sql": ""})
    scene.go()
    assert scene.served == {"base", "food"}
    scene.tell({"food": "food"})  # the engine has unloaded it; what is under way was asked before
    assert scene.served == {"base", "food"}
    scene.answer("food", "sql")
    assert scene.served == {"base", "food"}
    scene.go()
    scene.answer("food")
    assert scene.served == {"base", "food"}


def test_its_name_in_the_engine_does_not_come_back_either() -> None:
    scene = Scene()
    scene.answer("sql@1a2b3c4d")
    scene.tell({"sql": "sql@1a2b3c4d"})
    scene.tell({"sql": ""})
    scene.tell({"sql": ""})
    scene.tell({})
    assert scene.served == {"base"}


def test_an_adapter_that_others_look_after_from_now_on_is_served_without_a_pause() -> None:
    scene = Scene()
    scene.answer("sql")
    scene.tell({"sql": "sql"})
    scene.tell({})
    assert scene.served == {"base", "sql"}


def test_a_name_that_is_unloaded_takes_nothing_from_another_for_the_same_adapter() -> None:
    scene = Scene()
    scene.answer("sql@1a2b3c4d")
    scene.tell({"sql": "sql@1a2b3c4d", "queries": "sql@1a2b3c4d"})
    scene.tell({"sql": "", "queries": "sql@1a2b3c4d"})
    scene.tell({"queries": "sql@1a2b3c4d"})
    assert scene.served == {"base", "queries", "sql@1a2b3c4d"}
    scene.tell({"queries": ""})
    scene.tell({})
    assert scene.served == {"base"}


def test_an_adapter_that_the_engine_lists_afterwards_is_served_again() -> None:
    scene = Scene()
    scene.answer("sql")
    scene.tell({"sql": ""})
    scene.tell({})
    scene.go()
    scene.answer("sql")
    assert scene.served == {"base", "sql"}
