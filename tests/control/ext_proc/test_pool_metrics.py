from __future__ import annotations

from modelyard.control.ext_proc.pool_metrics import pool_metrics, running_requests
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.telemetry import catalogue
from modelyard.worker.protocol import PoolGauges


def state(address: str, name: str, waiting: int | None, *, ready: bool = True) -> EndpointState:
    load = None if waiting is None else EngineLoad(at=0.0, waiting=waiting, running=2, kv_usage=0.5)
    return EndpointState(endpoint=Endpoint(address=address, name=name), ready=ready, load=load)


def fleet(**pools: list[EndpointState]) -> Fleet:
    keys = {
        name: BackendKey(
            kind="InferencePool", namespace=name.partition("_")[2] or "default", name=name.partition("_")[0]
        )
        for name in pools
    }
    return Fleet(backends={keys[name]: BackendFleet(key=keys[name], endpoints=tuple(of)) for name, of in pools.items()})


def test_averages_are_over_what_is_known() -> None:
    shown = pool_metrics(
        fleet(
            chat=[state("1.1.1.1:1", "a", 1), state("1.1.1.2:1", "b", 4), state("1.1.1.3:1", "c", None, ready=False)]
        ),
        [],
    )
    assert shown[catalogue.POOL_QUEUE] == [(("chat",), 2.5)]
    assert shown[catalogue.POOL_RUNNING] == [(("chat",), 2)]
    assert shown[catalogue.POOL_KV_USAGE] == [(("chat",), 0.5)]
    assert shown[catalogue.POOL_READY] == [(("chat",), 2)]
    assert shown[catalogue.POOL_POD_QUEUE] == [(("a", "chat"), 1), (("b", "chat"), 4)]


def test_nothing_known_is_no_sample() -> None:
    assert pool_metrics(fleet(chat=[state("1.1.1.1:1", "a", None)]), [])[catalogue.POOL_QUEUE] == []


def test_labels_are_never_twice_the_same() -> None:
    shown = pool_metrics(
        fleet(chat=[state("1.1.1.1:1", "a", 1), state("1.1.1.1:2", "a", 2)], chat_dev=[state("1.1.1.2:1", "a", 3)]), []
    )
    assert [labels for labels, _ in shown[catalogue.POOL_POD_QUEUE]] == [
        ("a:1", "default/chat"),
        ("a:2", "default/chat"),
        ("a", "dev/chat"),
    ]


def test_workers_together() -> None:
    label = "InferencePool/default/chat"
    workers = [
        {label: PoolGauges(saturation=0.2, queued=1, prefix_blocks=10)},
        {label: PoolGauges(saturation=0.6, queued=2, prefix_blocks=5)},
        {},
    ]
    shown = pool_metrics(fleet(chat=[]), workers)
    assert shown[catalogue.EXTENSION_SATURATION] == [(("chat",), 0.6)]
    assert shown[catalogue.EXTENSION_QUEUE] == [(("chat",), 3)]
    assert shown[catalogue.EXTENSION_PREFIXES] == [((), 15)]


def test_running_requests_of_all_workers() -> None:
    shown = running_requests([{"a": 1, "b": 2}, {"a": 3}])
    assert shown == {catalogue.OBJECTIVE_RUNNING: [(("a",), 4), (("b",), 2)]}
