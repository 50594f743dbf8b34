"""Watches to fleets: what is published, and when a version grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from modelyard.fleet import engines
from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.endpoints import Endpoint, EngineLoad, ServedModel
from modelyard.fleet.engine import Engine
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.scrape.board import Board
from modelyard.scrape.watch import Verdict, Watch

POOL = BackendKey(kind="InferencePool", namespace="d", name="p")
SERVICE = BackendKey(kind="Service", namespace="d", name="s", port=80)


class FakeWatch:
    """What a board reads of a watch."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.load: EngineLoad | None = None
        self.models: tuple[ServedModel, ...] | None = None
        self.metrics_error = ""
        self.adapter_names: dict[str, str] = {}
        self.expected: frozenset[str] = frozenset()
        self.answer = Verdict(True)

    def verdict(self, spec: EndpointSpec, now: float) -> Verdict:
        return self.answer if spec.ready else Verdict(False, spec.reason)


class Scene:
    """A board with endpoints ``1:1`` … of a pool, each with a watch."""

    def __init__(self, count: int = 2) -> None:
        self.board = Board()
        self.watches = {f"{n}:1": FakeWatch() for n in range(count)}
        self.set({POOL: list(self.watches)})

    def set(self, backends: Mapping[BackendKey, list[str]], **spec: object) -> None:
        specs = {
            key: BackendSpec(
                key=key,
                endpoints=tuple(EndpointSpec(endpoint=Endpoint(address=a), **spec) for a in addresses),  # type: ignore[arg-type]
            )
            for key, addresses in backends.items()
        }
        self.board.set_backends(specs, cast(Mapping[str, Watch], self.watches))

    def publish(self, *changed: str) -> bool:
        for address in changed:
            self.board.mark(cast(Watch, self.watches[address]))
        return self.board.publish(0.0) is not None

    def backend(self, key: BackendKey = POOL) -> BackendFleet:
        return self.board.fleet.backends[key]

    def ready(self, key: BackendKey = POOL) -> list[bool]:
        return [state.ready for state in self.backend(key).endpoints]


def test_the_first_fleet_has_everything_in_order() -> None:
    scene = Scene(3)
    scene.watches["1:1"].answer = Verdict(False, "down")
    assert scene.publish()
    assert [state.endpoint.address for state in scene.backend().endpoints] == ["0:1", "1:1", "2:1"]
    assert scene.ready() == [True, False, True]
    assert scene.backend().endpoints[1].reason == "down"
    assert not scene.publish("0:1", "1:1")


def test_a_value_grows_the_version_and_an_age_does_not() -> None:
    scene = Scene()
    scene.watches["0:1"].load = EngineLoad(at=1.0)
    scene.publish("0:1")
    fleet, version = scene.board.fleet.version, scene.backend().version
    untouched = scene.backend().endpoints[1]
    scene.watches["0:1"].load = EngineLoad(at=2.0)
    assert scene.publish("0:1")
    assert (scene.board.fleet.version, scene.backend().version) == (fleet, version)
    assert scene.backend().endpoints[0].load == EngineLoad(at=2.0)
    scene.watches["0:1"].load = EngineLoad(at=3.0, waiting=1)
    assert scene.publish("0:1")
    assert scene.board.fleet.version > fleet
    assert scene.backend().version > version
    assert scene.backend().endpoints[1] is untouched


def test_the_recognised_engine_is_shown_and_the_endpoint_stays_one_object() -> None:
    scene = Scene()
    scene.watches["0:1"].engine = engines.named("vllm")
    scene.publish("0:1")
    endpoint = scene.backend().endpoints[0].endpoint
    assert endpoint.engine == "vllm"
    scene.watches["0:1"].models = (ServedModel(id="m"),)
    scene.publish("0:1")
    assert scene.backend().endpoints[0].endpoint is endpoint


def test_failures_in_traffic_never_empty_a_backend() -> None:
    scene = Scene()
    aside = Verdict(False, "set aside", aside=True)
    scene.watches["0:1"].answer = aside
    scene.publish("0:1")
    assert scene.ready() == [False, True]
    scene.watches["1:1"].answer = aside
    scene.publish("1:1")
    assert scene.ready() == [True, True]
    scene.watches["1:1"].answer = Verdict(True)
    scene.publish("1:1")
    assert scene.ready() == [False, True]
    scene.watches["1:1"].answer = Verdict(False, "health check failed")
    scene.publish("1:1")
    assert scene.ready() == [True, False]


def test_an_endpoint_of_two_backends_changes_in_both() -> None:
    scene = Scene()
    scene.set({POOL: ["0:1", "1:1"], SERVICE: ["1:1"]})
    scene.publish()
    scene.watches["1:1"].answer = Verdict(False, "down")
    scene.publish("1:1")
    assert scene.ready() == [True, False]
    assert scene.ready(SERVICE) == [False]


def test_reshaping_keeps_what_is_known_and_versions_never_come_back() -> None:
    scene = Scene()
    scene.watches["0:1"].load = EngineLoad(at=1.0, waiting=4)
    scene.publish("0:1")
    first = scene.backend().version
    scene.set({SERVICE: ["0:1"]})
    assert scene.publish()
    assert set(scene.board.fleet.backends) == {SERVICE}
    scene.set({POOL: ["0:1", "1:1"]})
    assert scene.publish()
    assert scene.backend().version > first
    load = scene.backend().endpoints[0].load
    assert load is not None
    assert load.waiting == 4


def test_the_same_backends_again_are_no_change() -> None:
    scene = Scene()
    scene.publish()
    scene.set({POOL: ["0:1", "1:1"]})
    assert not scene.publish()
    scene.set({POOL: ["0:1", "1:1"]}, ready=False, reason="starting")
    assert scene.publish()
    assert scene.ready() == [False, False]
