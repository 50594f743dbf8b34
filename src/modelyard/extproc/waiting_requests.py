"""What waits for admission in this worker, as gauges with bounded labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from modelyard.exchange.model_request import ModelRequest
from modelyard.telemetry.bounded_labels import OTHER, BoundedLabels
from modelyard.worker.protocol import QueueGauge

MAX_MODELS = 100
"""Distinct names of models of which nothing was sent to a server yet: an autoscaler that starts a pool's first server
needs them, and a client may make them up."""


class WaitingRequests:
    """Of all pools of a process."""

    def __init__(self, served: BoundedLabels, fairness_ids: BoundedLabels) -> None:
        """``served``: names of models that requests were sent for."""
        self._served = served
        self._unserved = BoundedLabels(MAX_MODELS)
        self._fairness_ids = fairness_ids

    def gauges(self, waiting: Iterable[ModelRequest[Any]]) -> tuple[QueueGauge, ...]:
        """One for each priority, fairness id and model."""
        requests: Counter[tuple[int, str, str, str]] = Counter()
        sizes: Counter[tuple[int, str, str, str]] = Counter()
        for one in waiting:
            record = one.record
            models = self._model(record.model), self._model(record.target_model)
            key = (record.priority, self._fairness_ids.of(record.fairness_id), *models)
            requests[key] += 1
            sizes[key] += len(one.body or b"")
        return tuple(
            QueueGauge(
                priority=key[0], fairness_id=key[1], model=key[2], target_model=key[3], requests=n, size=sizes[key]
            )
            for key, n in requests.items()
        )

    def _model(self, name: str) -> str:
        label = self._served.of(name, learn=False)
        return self._unserved.of(name) if label == OTHER else label
