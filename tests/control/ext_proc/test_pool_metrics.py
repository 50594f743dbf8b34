from __future__ import annotations

from modelyard.control.ext_proc.pool_metrics import pool_metrics, running_requests
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.telemetry import catalogue
from modelyard.worker.protocol import PoolGauges, QueueGauge

NOW = 1.0


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
        NOW,
    )
    assert shown[catalogue.POOL_QUEUE] == [(("chat",), 2.5)]
    assert shown[catalogue.POOL_RUNNING] == [(("chat",), 2)]
    assert shown[catalogue.POOL_KV_USAGE] == [(("chat",), 0.5)]
    assert shown[catalogue.POOL_READY] == [(("chat",), 2)]
    assert shown[catalogue.POOL_POD_QUEUE] == [(("a", "chat"), 1), (("b", "chat"), 4)]


def test_an_old_reading_is_in_no_average() -> None:
    """A server that does not answer any more is no part of how full the pool is."""
    pool = fleet(chat=[state("1.1.1.1:1", "a", 1)])
    assert pool_metrics(pool, [], 2.0)[catalogue.POOL_QUEUE] == [(("chat",), 1)]
    assert pool_metrics(pool, [], 2.1)[catalogue.POOL_QUEUE] == []
    assert pool_metrics(pool, [], 2.1, 5.0)[catalogue.POOL_QUEUE] == [(("chat",), 1)]


def test_nothing_known_is_no_sample() -> None:
    assert pool_metrics(fleet(chat=[state("1.1.1.1:1", "a", None)]), [], NOW)[catalogue.POOL_QUEUE] == []


def test_labels_are_never_twice_the_same() -> None:
    shown = pool_metrics(
        fleet(chat=[state("1.1.1.1:1", "a", 1), state("1.1.1.1:2", "a", 2)], chat_dev=[state("1.1.1.2:1", "a", 3)]),
        [],
        NOW,
    )
    assert [labels for labels, _ in shown[catalogue.POOL_POD_QUEUE]] == [
        ("a:1", "default/chat"),
        ("a:2", "default/chat"),
        ("a", "dev/chat"),
    ]


def waits(requests: int, fairness_id: str = "a", model: str = "chat") -> QueueGauge:
    return QueueGauge(
        priority=1, fairness_id=fairness_id, model=model, target_model=model, requests=requests, size=10 * requests
    )


def test_workers_together() -> None:
    label = "InferencePool/default/chat"
    workers = [
        {label: PoolGauges(saturation=0.2, queues=(waits(1), waits(4, "b")), prefix_blocks=10)},
        {label: PoolGauges(saturation=0.6, queues=(waits(2),), prefix_blocks=5)},
        {},
    ]
    shown = pool_metrics(fleet(chat=[]), workers, NOW)
    assert shown[catalogue.EXTENSION_SATURATION] == [(("chat", "effective"), 0.6)]
    ids = [("a", "1", "chat", "chat", "chat"), ("b", "1", "chat", "chat", "chat")]
    assert shown[catalogue.EXTENSION_QUEUE] == [(ids[0], 3), (ids[1], 4)]
    assert shown[catalogue.EXTENSION_QUEUE_BYTES] == [(ids[0], 30), (ids[1], 40)]
    assert shown[catalogue.EXTENSION_PREFIXES] == [((), 15)]


def test_an_empty_queue_has_a_series() -> None:
    shown = pool_metrics(fleet(chat=[]), [{"InferencePool/default/chat": PoolGauges()}], NOW)
    assert shown[catalogue.EXTENSION_QUEUE] == [(("default-flow", "0", "chat", "", ""), 0)]


def test_running_requests_of_all_workers() -> None:
    shown = running_requests([{"a": 1, "b": 2}, {"a": 3}])
    assert shown == {catalogue.OBJECTIVE_RUNNING: [(("a",), 4), (("b",), 2)]}
    assert running_requests([{"a": 1}], ["a", "b"]) == {catalogue.OBJECTIVE_RUNNING: [(("a",), 1), (("b",), 0)]}
