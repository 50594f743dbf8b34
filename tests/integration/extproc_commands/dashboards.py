"""What published dashboards, alerts and autoscalers query of an endpoint picker: metric -> the labels that they use.

Read from their files (what they query of model servers, gateways and Kubernetes left out): the dashboards and alerts of
kubernetes-sigs/gateway-api-inference-extension, tools/dashboards and tools/alerts, at the tags named; the dashboard of
llm-d/llm-d-router v0.9.0, deploy/grafana; the dashboards, alerts and example queries of llm-d/llm-d, docs/monitoring
and guides; scaling on queues as its guides have it.
"""

from __future__ import annotations

from collections.abc import Mapping

Queries = Mapping[str, tuple[str, ...]]

_MODELS = ("model_name", "target_model_name")
_FLOW = ("priority", "fairness_id")


def _requests(prefix: str) -> Queries:
    return {
        f"{prefix}_request_duration_seconds_bucket": (*_MODELS, "le"),
        f"{prefix}_request_total": _MODELS,
        f"{prefix}_request_error_total": (*_MODELS, "error_code"),
    }


def _sizes(prefix: str) -> Queries:
    names = ("request_sizes", "response_sizes", "input_tokens", "output_tokens")
    return {f"{prefix}_{name}_bucket": ("le",) for name in names}


def _flow_control(prefix: str) -> Queries:
    return {
        f"{prefix}_flow_control_pool_saturation": ("inference_pool",),
        f"{prefix}_flow_control_queue_size": _FLOW,
        f"{prefix}_flow_control_queue_bytes": _FLOW,
        f"{prefix}_flow_control_request_enqueue_duration_seconds_count": _FLOW,
        f"{prefix}_flow_control_request_enqueue_duration_seconds_bucket": ("le",),
        f"{prefix}_flow_control_request_queue_duration_seconds_count": (*_FLOW, "outcome"),
        f"{prefix}_flow_control_request_queue_duration_seconds_bucket": (*_FLOW, "outcome", "le"),
        f"{prefix}_flow_control_dispatch_cycle_duration_seconds_bucket": ("le",),
    }


_POOLS: Queries = {
    "inference_pool_average_kv_cache_utilization": ("name",),
    "inference_pool_average_queue_size": ("name",),
}
_PODS: Queries = {"inference_pool_per_pod_queue_size": ("name", "model_server_pod")}

DASHBOARDS: Mapping[str, Queries] = {
    "inference extension v0.3.0": {**_POOLS, **_requests("inference_model"), **_sizes("inference_model")},
    "inference extension v0.5.1, v1.0.0": {
        **_POOLS,
        **_PODS,
        **_requests("inference_model"),
        **_sizes("inference_model"),
    },
    "inference extension v1.1.0 to v1.4.0": {
        **_POOLS,
        **_PODS,
        **_requests("inference_objective"),
        **_sizes("inference_objective"),
    },
    "inference extension v1.5.0": {
        **_POOLS,
        **_PODS,
        **_requests("inference_objective"),
        **_sizes("inference_objective"),
        **_flow_control("inference_extension"),
    },
    "alerts of the inference extension v0.5.1, v1.0.0": {**_POOLS, **_requests("inference_model")},
    "alerts of the inference extension from v1.1.0": {**_POOLS, **_requests("inference_objective")},
    "llm-d router v0.9.0": {
        "llm_d_epp_average_kv_cache_utilization": ("name",),
        "llm_d_epp_average_queue_size": ("name",),
        "llm_d_epp_per_endpoint_queue_size": ("name", "model_server_endpoint"),
        **_requests("llm_d_epp"),
        "llm_d_epp_request_size_bytes_bucket": ("le",),
        "llm_d_epp_response_size_bytes_bucket": ("le",),
        "llm_d_epp_request_input_tokens_bucket": ("le",),
        "llm_d_epp_request_output_tokens_bucket": ("le",),
        **_flow_control("llm_d_epp"),
    },
    "llm-d, failure and saturation": {
        **_requests("llm_d_epp"),
        "llm_d_epp_scheduler_e2e_duration_seconds_bucket": ("le",),
        "llm_d_epp_plugin_duration_seconds_bucket": ("plugin_type", "le"),
    },
    "llm-d, alerts": _requests("inference_model"),
    "llm-d, example queries": {
        **_requests("inference_objective"),
        "inference_extension_scheduler_e2e_duration_seconds_bucket": ("le",),
        "inference_extension_plugin_duration_seconds_bucket": ("plugin_type", "le"),
        "inference_extension_prefix_indexer_size": (),
        "inference_extension_prefix_indexer_hit_ratio_bucket": ("le",),
        "inference_extension_prefix_indexer_hit_bytes_bucket": ("le",),
        "inference_extension_flow_control_queue_size": ("priority",),
        "inference_extension_flow_control_request_queue_duration_seconds_bucket": ("outcome", "le"),
    },
    "scaling on queues": {
        "inference_extension_flow_control_queue_size": ("inference_pool", *_MODELS),
        "llm_d_epp_flow_control_queue_size": ("inference_pool", *_MODELS),
        "inference_objective_running_requests": ("model_name",),
        "llm_d_epp_request_running": ("model_name",),
        "inference_pool_ready_pods": ("name",),
        "llm_d_epp_ready_endpoints": ("name",),
    },
}
