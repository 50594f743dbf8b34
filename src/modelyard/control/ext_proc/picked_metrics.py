"""Requests, queues and prefix matches of all workers under the metric names of the Gateway API Inference Extension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Distribution, Sample
from modelyard.telemetry.flow_metrics import QUEUE_BOUNDS, STEP_BOUNDS, FlowRow
from modelyard.telemetry.histogram import Histogram
from modelyard.telemetry.objective_metrics import MEASURED, ObjectiveRow
from modelyard.telemetry.picker_rows import MATCH_BOUNDS, RATIO_BOUNDS, PickerTotals

Families = dict[Metric, Sequence[Sample | Distribution]]


def picked_metrics(counted: PickerTotals, pool_name: Callable[[str], str]) -> Families:
    """``pool_name``: what the pool of a backend label is called."""
    return {
        **objective_metrics(list(counted.objectives.values())),
        **flow_metrics(counted.flows.values(), pool_name),
        catalogue.EXTENSION_PLUGIN: [_one(row.key, STEP_BOUNDS, row.seconds) for row in counted.plugins.values()],
        catalogue.EXTENSION_CYCLE: [_one((), STEP_BOUNDS, counted.cycles)],
        catalogue.EXTENSION_MATCH_RATIO: [_one((), RATIO_BOUNDS, counted.prefixes.ratio)],
        catalogue.EXTENSION_MATCH_BYTES: [_one((), MATCH_BOUNDS, counted.prefixes.size)],
    }


def objective_metrics(rows: Sequence[ObjectiveRow]) -> Families:
    """What the rows count. A metric without labels is of all rows together."""
    picks: list[Sample] = [(("success", *row.key), sum(row.picked.values())) for row in rows if row.picked]
    picks += [(("failure", *row.key), row.unpicked) for row in rows if row.unpicked]
    families: Families = {
        catalogue.OBJECTIVE_REQUESTS: [
            ((*row.key, str(priority)), count) for row in rows for priority, count in sorted(row.picked.items())
        ],
        catalogue.OBJECTIVE_ERRORS: [
            ((*row.key, code), count) for row in rows for code, count in sorted(row.errors.items())
        ],
        catalogue.EXTENSION_ATTEMPTS: picks,
    }
    for index, (metric, bounds) in enumerate(MEASURED):
        if metric.labels:
            families[metric] = [Distribution(row.key, bounds, row.buckets[index], row.sums[index]) for row in rows]
        else:
            together = Histogram.over(bounds)
            for row in rows:
                together.add(Histogram(row.buckets[index], row.sums[index]))
            families[metric] = [_one((), bounds, together)]
    return families


def flow_metrics(rows: Iterable[FlowRow], pool_name: Callable[[str], str]) -> Families:
    """How requests went through the queues."""
    left: Counter[tuple[str, str, str]] = Counter()
    queued: list[Sample | Distribution] = []
    enqueued: dict[tuple[str, str, str], Histogram] = {}
    for row in rows:
        pool, key = pool_name(row.backend), (row.fairness_id, str(row.priority), row.outcome)
        left[row.outcome, str(row.priority), pool] += sum(row.queued.buckets)
        queued.append(_one((*key, pool), QUEUE_BOUNDS, row.queued))
        enqueued.setdefault(key, Histogram.over(STEP_BOUNDS)).add(row.deciding)
    return {
        catalogue.EXTENSION_QUEUE_DURATION: queued,
        catalogue.EXTENSION_ENQUEUE: [_one(key, STEP_BOUNDS, steps) for key, steps in enqueued.items()],
        catalogue.FLOW_REQUESTS: list(left.items()),
    }


def _one(labels: Sequence[str], bounds: Sequence[float], histogram: Histogram) -> Distribution:
    return Distribution(labels, bounds, histogram.buckets, histogram.total)
