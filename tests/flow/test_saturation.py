"""How full a pool is."""

from __future__ import annotations

import pytest

from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.flow.config import DetectorConfig, FlowConfig
from modelyard.flow.saturation import Saturation

KEY = BackendKey(kind="InferencePool", namespace="default", name="pool")


def fleet(*loads: EngineLoad | None, ready: bool = True) -> BackendFleet:
    states = [
        EndpointState(endpoint=Endpoint(address=f"10.0.0.{index}:80"), load=load, ready=ready)
        for index, load in enumerate(loads)
    ]
    return BackendFleet(key=KEY, endpoints=tuple(states))


def value(pool: BackendFleet, now: float = 1.0, in_flight: dict[str, int] | None = None, **detector: object) -> float:
    config = FlowConfig(detector=DetectorConfig(**detector))  # type: ignore[arg-type]
    return Saturation(config).value(pool, in_flight or {}, now)


@pytest.mark.parametrize(
    ("waiting", "usage", "expected"), [(0, 0.0, 0.0), (5, 0.0, 1.0), (0, 0.8, 1.0), (1, 0.4, 0.5), (10, 0.1, 2.0)]
)
def test_one_endpoint_is_as_full_as_its_fuller_part(waiting: int, usage: float, expected: float) -> None:
    assert value(fleet(EngineLoad(at=1.0, waiting=waiting, kv_usage=usage))) == pytest.approx(expected)


def test_a_pool_is_as_full_as_its_endpoints_on_average() -> None:
    assert value(fleet(EngineLoad(at=1.0, waiting=10), EngineLoad(at=1.0))) == 1.0


def test_a_stale_reading_counts_as_full_and_a_missing_one_not_at_all() -> None:
    pool = fleet(EngineLoad(at=1.0), EngineLoad(at=1.0, waiting=10), None)
    assert value(pool) == 1.0
    assert value(fleet(EngineLoad(at=1.0), EngineLoad(at=3.9)), now=4.0) == 0.5
    assert value(fleet(None, None)) == 0.0


def test_a_reading_becomes_stale_without_a_new_fleet() -> None:
    pool, saturation = fleet(EngineLoad(at=1.0), EngineLoad(at=2.0)), Saturation(FlowConfig())
    assert [saturation.value(pool, {}, now) for now in (2.0, 2.9, 3.1, 3.9, 4.1, 99.0)] == [0, 0, 0.5, 0.5, 1, 1]


@pytest.mark.parametrize("pool", [fleet(), fleet(EngineLoad(at=1.0), ready=False)])
def test_a_pool_without_ready_endpoints_is_full(pool: BackendFleet) -> None:
    assert value(pool) == 1.0


def test_own_open_requests_against_capacity() -> None:
    pool = fleet(None, None)
    in_flight = {"10.0.0.0:80": 150, "10.0.0.1:80": 50}
    assert value(pool, in_flight=in_flight, type="concurrency-detector") == 1.0
    assert value(pool, in_flight=in_flight, type="concurrency-detector", max_concurrency=400) == 0.25


def test_a_new_fleet_is_read_at_once() -> None:
    saturation = Saturation(FlowConfig())
    assert saturation.value(fleet(EngineLoad(at=1.0)), {}, 1.0) == 0.0
    assert saturation.value(fleet(EngineLoad(at=1.0, waiting=5)), {}, 1.0) == 1.0
