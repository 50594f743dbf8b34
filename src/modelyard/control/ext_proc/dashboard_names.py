"""The other names of an endpoint picker's metrics: those of InferenceModel's time (``inference_model_*``) and the
newest ones (``llm_d_epp_*``). Dashboards of all times read the same numbers; nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Alias

_OLD, _NOW, _NEW = "inference_model_", "inference_objective_", "llm_d_epp_"

_NEW_NAMES = {
    catalogue.OBJECTIVE_REQUESTS: "request_total",
    catalogue.OBJECTIVE_ERRORS: "request_error_total",
    catalogue.OBJECTIVE_DURATION: "request_duration_seconds",
    catalogue.OBJECTIVE_FIRST_TOKEN: "request_ttft_seconds",
    catalogue.OBJECTIVE_PER_TOKEN: "request_ntpot_seconds",
    catalogue.OBJECTIVE_REQUEST_SIZE: "request_size_bytes",
    catalogue.OBJECTIVE_RESPONSE_SIZE: "response_size_bytes",
    catalogue.OBJECTIVE_INPUT: "request_input_tokens",
    catalogue.OBJECTIVE_OUTPUT: "request_output_tokens",
    catalogue.OBJECTIVE_CACHED: "request_cached_tokens",
    catalogue.OBJECTIVE_RUNNING: "request_running",
    catalogue.POOL_KV_USAGE: "average_kv_cache_utilization",
    catalogue.POOL_QUEUE: "average_queue_size",
    catalogue.POOL_RUNNING: "average_running_requests",
    catalogue.POOL_READY: "ready_endpoints",
    catalogue.POOL_POD_QUEUE: "per_endpoint_queue_size",
    catalogue.EXTENSION_INFO: "info",
    catalogue.EXTENSION_ATTEMPTS: "scheduler_attempts_total",
    catalogue.EXTENSION_PICK: "scheduler_e2e_duration_seconds",
    catalogue.EXTENSION_PLUGIN: "plugin_duration_seconds",
    catalogue.EXTENSION_SATURATION: "flow_control_pool_saturation",
    catalogue.EXTENSION_QUEUE: "flow_control_queue_size",
    catalogue.EXTENSION_QUEUE_BYTES: "flow_control_queue_bytes",
    catalogue.EXTENSION_QUEUE_DURATION: "flow_control_request_queue_duration_seconds",
    catalogue.EXTENSION_ENQUEUE: "flow_control_request_enqueue_duration_seconds",
    catalogue.EXTENSION_CYCLE: "flow_control_dispatch_cycle_duration_seconds",
    catalogue.EXTENSION_PREFIXES: "prefix_indexer_size",
    catalogue.EXTENSION_MATCH_RATIO: "prefix_indexer_hit_ratio",
    catalogue.EXTENSION_MATCH_BYTES: "prefix_indexer_hit_bytes",
}
_RENAMED_LABELS = {catalogue.POOL_POD_QUEUE: ("model_server_endpoint", "name")}
_PREFIX_PLUGIN = "approx-prefix-cache-producer"
_ADDED_LABELS = dict.fromkeys(
    (catalogue.EXTENSION_PREFIXES, catalogue.EXTENSION_MATCH_RATIO, catalogue.EXTENSION_MATCH_BYTES),
    (("plugin_name", "plugin_type"), (_PREFIX_PLUGIN, _PREFIX_PLUGIN)),
)


def _aliases(metric: Metric) -> Iterator[Alias]:
    if metric.name.startswith(_NOW):
        yield Alias(metric._replace(name=_OLD + metric.name.removeprefix(_NOW)))
    if metric in _NEW_NAMES:
        labels = _RENAMED_LABELS.get(metric, metric.labels)
        added, values = _ADDED_LABELS.get(metric, ((), ()))
        yield Alias(metric._replace(name=_NEW + _NEW_NAMES[metric], labels=(*labels, *added)), values)


OTHER_NAMES: Mapping[Metric, Sequence[Alias]] = {
    metric: found for metric in catalogue.CATALOGUE if (found := tuple(_aliases(metric)))
}
"""By the metric that is counted."""
