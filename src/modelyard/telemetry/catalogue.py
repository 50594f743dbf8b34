"""Every metric that Modelyard exports, declared once. ``docs/metrics.md`` is made from this table."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """One metric family. Names carry their unit, as Prometheus asks."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


_REQUEST = ("route", "backend", "model", "code", "reason")
_PER_BACKEND = ("backend",)
_PER_ENDPOINT = ("backend", "endpoint")

REQUESTS = Metric(
    "modelyard_requests_total",
    "counter",
    "Finished requests. `reason` is set where Modelyard answered itself or an answer was cut.",
    _REQUEST,
)
DURATION = Metric(
    "modelyard_request_duration_seconds",
    "histogram",
    "From the request head to the last byte of the answer.",
    _REQUEST,
)
FIRST_BYTE = Metric(
    "modelyard_time_to_first_byte_seconds",
    "histogram",
    "From the request head to the first byte of the answer; for streams close to the time to first token.",
    _REQUEST,
)
QUEUED = Metric(
    "modelyard_queued_seconds_total", "counter", "Time that requests waited for admission or for an adapter.", _REQUEST
)
ADAPTER_WAITS = Metric(
    "modelyard_adapter_waits_total", "counter", "Requests that waited until their LoRA adapter was loaded.", _REQUEST
)
ADAPTER_WAIT_SECONDS = Metric(
    "modelyard_adapter_wait_seconds_total",
    "counter",
    "Time that requests waited until their LoRA adapter was loaded; part of modelyard_queued_seconds_total.",
    _REQUEST,
)
RETRIES = Metric("modelyard_retries_total", "counter", "Further endpoints tried before a first byte.", _REQUEST)
REQUEST_BYTES = Metric("modelyard_request_bytes_total", "counter", "Request body bytes.", _REQUEST)
RESPONSE_BYTES = Metric("modelyard_response_bytes_total", "counter", "Response body bytes.", _REQUEST)
INPUT_TOKENS = Metric("modelyard_input_tokens_total", "counter", "Prompt tokens that engines reported.", _REQUEST)
OUTPUT_TOKENS = Metric("modelyard_output_tokens_total", "counter", "Generated tokens that engines reported.", _REQUEST)
CACHED_TOKENS = Metric(
    "modelyard_cached_tokens_total",
    "counter",
    "Prompt tokens that engines found in their prefix cache.",
    _REQUEST,
)
OPEN_EXCHANGES = Metric("modelyard_open_exchanges", "gauge", "Requests being served now.", ("worker",))
OPEN_CONNECTIONS = Metric("modelyard_open_connections", "gauge", "Client connections.", ("worker",))
FAILED_CONNECTIONS = Metric(
    "modelyard_failed_connections_total",
    "counter",
    "Connections to ext_proc ports that spoke something else than the port. `reason`: no_tls, tls (to a plain port), "
    "certificate_refused, tls_version, handshake, no_http2.",
    ("reason",),
)
WORKER_RESTARTS = Metric(
    "modelyard_worker_restarts_total", "counter", "Data-plane workers started again after they died."
)
READY_ENDPOINTS = Metric("modelyard_ready_endpoints", "gauge", "Endpoints that may be picked.", _PER_BACKEND)
KNOWN_ENDPOINTS = Metric("modelyard_known_endpoints", "gauge", "Endpoints known, ready or not.", _PER_BACKEND)
ENDPOINT_WAITING = Metric(
    "modelyard_endpoint_waiting_requests",
    "gauge",
    "Requests waiting in the engine, as it reports.",
    _PER_ENDPOINT,
)
ENDPOINT_RUNNING = Metric(
    "modelyard_endpoint_running_requests",
    "gauge",
    "Requests running in the engine, as it reports.",
    _PER_ENDPOINT,
)
ENDPOINT_KV_USAGE = Metric(
    "modelyard_endpoint_kv_cache_usage_ratio", "gauge", "Share of the KV cache in use, 0 to 1.", _PER_ENDPOINT
)
ENDPOINT_IN_FLIGHT = Metric(
    "modelyard_endpoint_in_flight_requests",
    "gauge",
    "Requests that Modelyard has open at the endpoint.",
    _PER_ENDPOINT,
)
ADAPTER_WAITING = Metric(
    "modelyard_adapter_waiting_requests",
    "gauge",
    "Requests that wait now until their LoRA adapter is loaded.",
    ("backend", "adapter"),
)
LOAD_AGE = Metric("modelyard_endpoint_load_age_seconds", "gauge", "Age of the newest load reading.", _PER_ENDPOINT)
CONFIG_GENERATION = Metric("modelyard_config_generation", "gauge", "Number of the snapshot in force.")
CONFIG_ERRORS = Metric(
    "modelyard_config_errors", "gauge", "Errors in the manifests as they are on disk; 0 when all is applied."
)
REPLICA_RESTARTS = Metric(
    "modelyard_replica_restarts_total", "counter", "Restarts of local replicas.", ("namespace", "replica")
)
SYNCER_ADAPTER = Metric(
    "lora_syncer_adapter_status",
    "gauge",
    "1: the adapter is loaded wherever it is wanted; 0: wanted, and not loaded somewhere. The LoRA syncer's metric.",
    ("adapter_name",),
)
ADAPTER_LOADED = Metric(
    "modelyard_adapter_loaded",
    "gauge",
    "1: the wanted version of the adapter is loaded on the replica; `reason` says why not.",
    ("replica", "adapter", "reason"),
)
INFO = Metric("modelyard_info", "gauge", "Always 1; the version is in the label.", ("version",))

# Names that dashboards of the Gateway API Inference Extension read; exported by `modelyard epp`.

_OBJECTIVE = ("model_name", "target_model_name")
_POOL = ("name",)
_QUEUE = ("fairness_id", "priority", "inference_pool", "model_name", "target_model_name")
OBJECTIVE_REQUESTS = Metric(
    "inference_objective_request_total",
    "counter",
    "Requests that an endpoint was picked for, counted at that moment. `priority` is that of their objective.",
    (*_OBJECTIVE, "priority"),
)
OBJECTIVE_ERRORS = Metric(
    "inference_objective_request_error_total",
    "counter",
    "Requests that were refused, or answered with an error by the model server.",
    (*_OBJECTIVE, "error_code"),
)
OBJECTIVE_DURATION = Metric(
    "inference_objective_request_duration_seconds", "histogram", "Duration of answered requests.", _OBJECTIVE
)
OBJECTIVE_FIRST_TOKEN = Metric(
    "inference_objective_request_ttft_seconds", "histogram", "Time to the first byte of the answer's body.", _OBJECTIVE
)
OBJECTIVE_PER_TOKEN = Metric(
    "inference_objective_normalized_time_per_output_token_seconds",
    "histogram",
    "Duration of a request divided by the tokens that it generated.",
    _OBJECTIVE,
)
OBJECTIVE_REQUEST_SIZE = Metric(
    "inference_objective_request_sizes", "histogram", "Bytes of request bodies; counted as soon as known.", _OBJECTIVE
)
OBJECTIVE_RESPONSE_SIZE = Metric(
    "inference_objective_response_sizes", "histogram", "Bytes of response bodies.", _OBJECTIVE
)
OBJECTIVE_INPUT = Metric("inference_objective_input_tokens", "histogram", "Prompt tokens per request.", _OBJECTIVE)
OBJECTIVE_OUTPUT = Metric("inference_objective_output_tokens", "histogram", "Generated tokens per request.", _OBJECTIVE)
OBJECTIVE_CACHED = Metric(
    "inference_objective_prompt_cached_tokens", "histogram", "Cached prompt tokens per request.", _OBJECTIVE
)
OBJECTIVE_RUNNING = Metric(
    "inference_objective_running_requests", "gauge", "Requests at model servers now.", ("model_name",)
)
POOL_KV_USAGE = Metric(
    "inference_pool_average_kv_cache_utilization", "gauge", "Mean share of the KV cache in use, 0 to 1.", _POOL
)
POOL_QUEUE = Metric(
    "inference_pool_average_queue_size", "gauge", "Mean number of requests that wait in engines.", _POOL
)
POOL_RUNNING = Metric(
    "inference_pool_average_running_requests", "gauge", "Mean number of requests that run in engines.", _POOL
)
POOL_READY = Metric("inference_pool_ready_pods", "gauge", "Endpoints that may be picked.", _POOL)
POOL_POD_QUEUE = Metric(
    "inference_pool_per_pod_queue_size",
    "gauge",
    "Requests that wait in the engine of one endpoint.",
    ("model_server_pod", "name"),
)
EXTENSION_INFO = Metric(
    "inference_extension_info", "gauge", "Always 1; `build_ref` is Modelyard's version.", ("commit", "build_ref")
)
EXTENSION_ATTEMPTS = Metric(
    "inference_extension_scheduler_attempts_total",
    "counter",
    "Picks. `status`: success, or failure where no endpoint could be picked.",
    ("status", "model_name", "target_model_name"),
)
EXTENSION_PICK = Metric(
    "inference_extension_scheduler_e2e_duration_seconds",
    "histogram",
    "What a pick took, waiting in a queue apart: reading the body, admission, scoring.",
)
EXTENSION_PLUGIN = Metric(
    "inference_extension_plugin_duration_seconds",
    "histogram",
    "What one policy takes for all endpoints of a pool; one policy per pool and second, in turn, beside the requests. "
    "A pick itself does little of it anew.",
    ("extension_point", "plugin_type", "plugin_name"),
)
EXTENSION_SATURATION = Metric(
    "inference_extension_flow_control_pool_saturation",
    "gauge",
    "How full a pool is; from 1 on only what must not wait is admitted. Highest of all workers. `stage`: effective.",
    ("inference_pool", "stage"),
)
EXTENSION_QUEUE = Metric(
    "inference_extension_flow_control_queue_size", "gauge", "Requests that wait for admission.", _QUEUE
)
EXTENSION_QUEUE_BYTES = Metric(
    "inference_extension_flow_control_queue_bytes", "gauge", "Bytes of their bodies.", _QUEUE
)
EXTENSION_QUEUE_DURATION = Metric(
    "inference_extension_flow_control_request_queue_duration_seconds",
    "histogram",
    "Time that requests waited for admission; 0 where there was no need to. Of pools with the `flowControl` gate.",
    ("fairness_id", "priority", "outcome", "inference_pool"),
)
EXTENSION_ENQUEUE = Metric(
    "inference_extension_flow_control_request_enqueue_duration_seconds",
    "histogram",
    "What deciding on such a request took, the wait apart: no less than putting it into its queue.",
    ("fairness_id", "priority", "outcome"),
)
EXTENSION_CYCLE = Metric(
    "inference_extension_flow_control_dispatch_cycle_duration_seconds",
    "histogram",
    "A turn of all queues, ten times a second while something waits.",
)
EXTENSION_PREFIXES = Metric(
    "inference_extension_prefix_indexer_size", "gauge", "Blocks in the prefix indexes of all pools and workers."
)
EXTENSION_MATCH_RATIO = Metric(
    "inference_extension_prefix_indexer_hit_ratio",
    "histogram",
    "Share of a prompt's whole blocks that the picked endpoint was known to hold.",
)
EXTENSION_MATCH_BYTES = Metric(
    "inference_extension_prefix_indexer_hit_bytes", "histogram", "The same in bytes of the prompt."
)
FLOW_REQUESTS = Metric(
    "llm_d_epp_flow_control_requests_total",
    "counter",
    "Requests that were offered to a queue, by how they left it.",
    ("outcome", "priority", "inference_pool"),
)

ROUTER_INFO = Metric("bbr_info", "gauge", "Always 1; `build_ref` is Modelyard's version.", ("commit", "build_ref"))
ROUTER_SUCCESS = Metric("bbr_success_total", "counter", "Requests whose headers were set from the body.")
ROUTER_NOT_IN_BODY = Metric(
    "bbr_model_not_in_body_total", "counter", "Requests with a body that has none of the fields that were looked for."
)
ROUTER_NOT_PARSED = Metric(
    "bbr_model_not_parsed_total", "counter", "Requests with a body whose `model` is no name, and no other field either."
)

ROUTER_PLUGIN = Metric(
    "bbr_plugin_duration_seconds",
    "histogram",
    "What one plugin takes for the body of one request. The model is read once, by the first plugin that needs it.",
    ("extension_point", "plugin_type", "plugin_name"),
)
ROUTER_FIELD_MISSING = Metric(
    "bbr_body_field_not_found_total",
    "counter",
    "Requests whose body has no such field, or is not JSON, by the field that a plugin looked for.",
    ("field",),
)
ROUTER_FIELD_EMPTY = Metric(
    "bbr_body_field_empty_total",
    "counter",
    "Requests in whose body the field is an empty text or null.",
    ("field",),
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
