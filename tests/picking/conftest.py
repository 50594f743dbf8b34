"""Builders of fleets, candidates and schedulers. Session-wide: they keep nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
import yaml

from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.picking.candidate import Candidate
from modelyard.picking.config import scheduler_config
from modelyard.picking.memory import Memory
from modelyard.picking.prefix_index import PrefixIndex, PrefixSettings
from modelyard.picking.scheduler import Scheduler
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig

KEY = BackendKey(kind="InferencePool", namespace="default", name="pool")


def address(index: int) -> str:
    return f"10.0.{index // 250}.{index % 250 + 1}:8000"


def state(
    index: int, load: EngineLoad | None = None, *, ready: bool = True, labels: Mapping[str, str] = {}
) -> EndpointState:
    endpoint = Endpoint(address=address(index), name=f"pod-{index}", labels=labels)
    return EndpointState(endpoint=endpoint, load=load, ready=ready)


def fleet_of(states: Sequence[EndpointState], version: int = 1) -> BackendFleet:
    return BackendFleet(key=KEY, endpoints=tuple(states), version=version)


def equal_fleet(count: int, version: int = 1, at: float = 0.0) -> BackendFleet:
    return fleet_of([state(index, EngineLoad(at=at)) for index in range(count)], version)


def config_of(text: str) -> EndpointPickerConfig:
    """An EndpointPickerConfig of YAML without its head."""
    document = {"apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig", **(yaml.safe_load(text) or {})}
    return msgspec.convert(document, EndpointPickerConfig)


def scheduler_of(fleet: BackendFleet, config: str | None = None, seed: int = 1) -> Scheduler:
    epc = None if config is None else config_of(config)
    scheduler = Scheduler(scheduler_config(epc), random.Random(seed))
    scheduler.update(fleet, 0.0)
    return scheduler


def candidate_of(
    index: int, load: EngineLoad | None = None, labels: Mapping[str, str] = {}, in_flight: int = 0
) -> Candidate:
    candidate = Candidate(index, state(index, labels=labels).endpoint)
    candidate.ready = True
    candidate.read(load, load.at if load else 0.0)
    for _ in range(in_flight):
        candidate.start(1.0, 10)
    return candidate


def new_memory() -> Memory:
    return Memory(PrefixIndex(PrefixSettings()))


class Builders:
    """All of the above, as one fixture."""

    address = staticmethod(address)
    state = staticmethod(state)
    fleet = staticmethod(fleet_of)
    equal_fleet = staticmethod(equal_fleet)
    config = staticmethod(config_of)
    scheduler = staticmethod(scheduler_of)
    candidate = staticmethod(candidate_of)
    memory = staticmethod(new_memory)

    @staticmethod
    def policy(kind: Callable[..., Any], **parameters: Any) -> Any:
        """A policy with parameters given as Python names."""
        return kind(kind.Parameters(**parameters), new_memory())  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def build() -> type[Builders]:
    return Builders
