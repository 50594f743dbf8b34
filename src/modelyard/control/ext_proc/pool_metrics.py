"""Pools and engines under the metric names of the Gateway API Inference Extension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from modelyard import __version__
from modelyard.exchange.model_request import DEFAULT_FAIRNESS_ID
from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.fleet import BackendFleet, Fleet
from modelyard.flow.config import STALE_AFTER
from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Sample
from modelyard.worker.protocol import PoolGauges, QueueGauge


def running_requests(workers: Iterable[Mapping[str, int]], models: Iterable[str] = ()) -> dict[Metric, list[Sample]]:
    """Requests at endpoints by model. ``workers``: what each worker says; ``models``: those that were asked for before,
    which have 0 where none runs."""
    total = Counter(dict.fromkeys(models, 0))
    for running in workers:
        total.update(running)
    return {catalogue.OBJECTIVE_RUNNING: [((model,), count) for model, count in sorted(total.items())]}


def pool_metrics(
    fleet: Fleet, workers: Sequence[Mapping[str, PoolGauges]], now: float, stale_after: float = STALE_AFTER
) -> dict[Metric, list[Sample]]:
    """Gauges of every pool. ``workers``: what each worker says of pools, by backend label.

    Averages are over the endpoints whose load is known, from a reading of the last ``stale_after`` seconds; without
    any there is no sample, as nothing is known. A pool is
    called by its name, or with its namespace where several share the name; a Pod with several target ports has several
    endpoints, which their ports tell apart.
    """
    gauges: dict[Metric, list[Sample]] = {
        metric: []
        for metric in (
            catalogue.POOL_KV_USAGE,
            catalogue.POOL_QUEUE,
            catalogue.POOL_RUNNING,
            catalogue.POOL_READY,
            catalogue.POOL_POD_QUEUE,
            catalogue.EXTENSION_SATURATION,
            catalogue.EXTENSION_QUEUE,
            catalogue.EXTENSION_QUEUE_BYTES,
        )
    }
    names = pool_names(fleet)
    for key, backend in sorted(fleet.backends.items()):
        name = names[str(key)]
        _pool(gauges, name, backend, lambda load: now <= load.valid_until(stale_after))
        said = [pools[str(key)] for pools in workers if str(key) in pools]
        saturation = max((one.saturation for one in said), default=0)
        gauges[catalogue.EXTENSION_SATURATION].append(((name, "effective"), saturation))
        _queues(gauges, name, [queue for one in said for queue in one.queues])
    kept = sum(one.prefix_blocks for pools in workers for one in pools.values())
    gauges[catalogue.EXTENSION_PREFIXES] = [((), kept)]
    gauges[catalogue.EXTENSION_INFO] = [(("", __version__), 1)]
    return gauges


def pool_names(fleet: Fleet) -> dict[str, str]:
    """What pools are called, by backend label."""
    names = Counter(key.name for key in fleet.backends)
    return {str(key): key.name if names[key.name] == 1 else f"{key.namespace}/{key.name}" for key in fleet.backends}


def _queues(gauges: dict[Metric, list[Sample]], pool: str, queues: Iterable[QueueGauge]) -> None:
    """An empty queue is shown as one, so that panels have a 0 to draw."""
    requests: Counter[tuple[str, str, str, str, str]] = Counter()
    sizes: Counter[tuple[str, str, str, str, str]] = Counter()
    for queue in queues:
        key = (queue.fairness_id, str(queue.priority), pool, queue.model, queue.target_model)
        requests[key] += queue.requests
        sizes[key] += queue.size
    for key in sorted(requests) or [(DEFAULT_FAIRNESS_ID, "0", pool, "", "")]:
        gauges[catalogue.EXTENSION_QUEUE].append((key, requests[key]))
        gauges[catalogue.EXTENSION_QUEUE_BYTES].append((key, sizes[key]))


def _pool(
    gauges: dict[Metric, list[Sample]], name: str, backend: BackendFleet, fresh: Callable[[EngineLoad], bool]
) -> None:
    gauges[catalogue.POOL_READY].append(((name,), sum(state.ready for state in backend.endpoints)))
    loads = [state.load for state in backend.endpoints if state.load is not None and fresh(state.load)]
    if loads:
        gauges[catalogue.POOL_KV_USAGE].append(((name,), _mean(load.kv_usage for load in loads)))
        gauges[catalogue.POOL_QUEUE].append(((name,), _mean(load.waiting for load in loads)))
        gauges[catalogue.POOL_RUNNING].append(((name,), _mean(load.running for load in loads)))
    pods = Counter(state.endpoint.name for state in backend.endpoints)
    for state in backend.endpoints:
        if state.load is not None:
            pod = state.endpoint.name
            label = pod if pods[pod] == 1 else f"{pod}:{state.endpoint.port}"
            gauges[catalogue.POOL_POD_QUEUE].append(((label, name), state.load.waiting))


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)
