"""The fleet as plain data for the admin API and as gauges for the metrics page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.exchange.model_places import model_places
from modelyard.fleet.adapter_names import awaited_names
from modelyard.fleet.endpoints import EndpointState
from modelyard.fleet.fleet import BackendFleet, Fleet
from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Sample

InFlight = Mapping[str, Mapping[str, int]]
"""Backend label -> address -> open requests, all workers together."""


def fleet_report(fleet: Fleet, in_flight: InFlight, now: float, waiting: InFlight | None = None) -> dict[str, Any]:
    """Every backend with its endpoints; ``now`` is monotonic, ages are seconds. ``waiting``: backend label -> adapter
    -> requests that wait until it is loaded."""
    waiting = waiting or {}
    return {
        "version": fleet.version,
        "backends": [
            {
                "name": str(key),
                "endpoints": [
                    _endpoint(state, in_flight.get(str(key), {}), now) for state in fleet.backends[key].endpoints
                ],
                "loading": _loading(fleet.backends[key], waiting.get(str(key), {})),
            }
            for key in sorted(fleet.backends)
        ],
    }


def _loading(backend: BackendFleet, waiting: Mapping[str, int]) -> list[dict[str, Any]]:
    """Adapters that are loaded on no endpoint yet, where they will be, and how many requests wait for each."""
    names = model_places(backend).loading | waiting.keys()
    return [
        {
            "adapter": name,
            "endpoints": [state.endpoint.address for state in backend.endpoints if name in awaited_names(state)],
            "waitingRequests": waiting.get(name, 0),
        }
        for name in sorted(names)
    ]


def _endpoint(state: EndpointState, open_requests: Mapping[str, int], now: float) -> dict[str, Any]:
    endpoint = state.endpoint
    return {
        "address": endpoint.address,
        "name": endpoint.name,
        "namespace": endpoint.namespace,
        "labels": dict(endpoint.labels),
        "engine": endpoint.engine or None,
        "ready": state.ready,
        "reason": state.reason or None,
        "inFlight": open_requests.get(endpoint.address, 0),
        "models": None if state.models is None else [model.id for model in state.models],
        "adapterNames": dict(state.adapter_names),
        "expectedAdapters": sorted(state.expected),
        "load": _load(state, now),
    }


def _load(state: EndpointState, now: float) -> dict[str, Any] | None:
    load = state.load
    if load is None:
        return None
    return {
        "ageSeconds": round(now - load.at, 3),
        "waiting": load.waiting,
        "running": load.running,
        "kvUsage": round(load.kv_usage, 4),
        "maxLoras": load.max_loras,
        "runningLoras": sorted(load.running_loras),
        "waitingLoras": sorted(load.waiting_loras),
        "models": {
            name: {"waiting": part.waiting, "running": part.running, "kvUsage": round(part.kv_usage, 4)}
            for name, part in sorted(load.by_model.items())
        },
    }


def fleet_gauges(
    fleet: Fleet, in_flight: InFlight, now: float, waiting: InFlight | None = None
) -> dict[Metric, list[Sample]]:
    """Gauges per backend, endpoint, and adapter that requests wait for."""
    gauges: dict[Metric, list[Sample]] = {metric: [] for metric in _GAUGES}
    for key, backend in sorted(fleet.backends.items()):
        _backend_gauges(gauges, str(key), backend, in_flight.get(str(key), {}), now)
    gauges[catalogue.ADAPTER_WAITING] = [
        ((backend_label, adapter), count)
        for backend_label, row in sorted((waiting or {}).items())
        for adapter, count in sorted(row.items())
    ]
    return gauges


_GAUGES = (
    catalogue.READY_ENDPOINTS,
    catalogue.KNOWN_ENDPOINTS,
    catalogue.ENDPOINT_WAITING,
    catalogue.ENDPOINT_RUNNING,
    catalogue.ENDPOINT_KV_USAGE,
    catalogue.ENDPOINT_IN_FLIGHT,
    catalogue.LOAD_AGE,
)


def _backend_gauges(
    gauges: dict[Metric, list[Sample]],
    name: str,
    backend: BackendFleet,
    open_requests: Mapping[str, int],
    now: float,
) -> None:
    gauges[catalogue.READY_ENDPOINTS].append(((name,), sum(state.ready for state in backend.endpoints)))
    gauges[catalogue.KNOWN_ENDPOINTS].append(((name,), len(backend.endpoints)))
    for state in backend.endpoints:
        labels = (name, state.endpoint.address)
        gauges[catalogue.ENDPOINT_IN_FLIGHT].append((labels, open_requests.get(state.endpoint.address, 0)))
        if state.load is not None:
            gauges[catalogue.ENDPOINT_WAITING].append((labels, state.load.waiting))
            gauges[catalogue.ENDPOINT_RUNNING].append((labels, state.load.running))
            gauges[catalogue.ENDPOINT_KV_USAGE].append((labels, state.load.kv_usage))
            gauges[catalogue.LOAD_AGE].append((labels, now - state.load.at))
