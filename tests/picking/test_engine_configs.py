"""Engines and their metrics in a config: what is built in is taken, everything else refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.engines import ENGINES
from modelyard.fleet.metric_names import MetricSpec
from modelyard.picking.config import ConfigError, scheduler_config
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig, PluginSpec

VLLM = {
    "name": "vllm",
    "queuedRequestsSpec": "vllm:num_requests_waiting",
    "runningRequestsSpec": "vllm:num_requests_running",
    "kvUsageSpec": "vllm:kv_cache_usage_perc",
    "loraSpec": "vllm:lora_requests_info",
    "cacheInfoSpec": "vllm:cache_config_info",
}
SGLANG = {
    "name": "sglang",
    "queuedRequestsSpec": "sglang:num_queue_reqs",
    "cacheInfoSpec": "sglang:cache_config_info",
    "cacheBlockSizeLabelName": "page_size",
}
TRITON = {
    "name": "triton",
    "queuedRequestsSpec": 'nv_trt_llm_request_metrics{request_type="waiting"}',
    "kvUsageSpec": "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}",
}


def read(**parameters: Any) -> None:
    spec = PluginSpec(type="core-metrics-extractor", parameters=parameters)
    scheduler_config(
        EndpointPickerConfig(api_version="llm-d.ai/v1alpha1", kind="EndpointPickerConfig", plugins=(spec,))
    )


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm-serve", "triton-tensorrt-llm", "triton", ""])
def test_the_default_engine_may_be_any_that_is_known(engine: str) -> None:
    read(defaultEngine=engine)


def test_another_default_engine_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"'sgalng' is no engine.*did you mean 'sglang'.*triton-tensorrt-llm"):
        read(defaultEngine="sgalng")


def test_metrics_that_are_built_in_are_taken() -> None:
    read(engineConfigs=[VLLM, SGLANG, TRITON])


def test_an_engine_under_a_name_of_its_own_that_has_known_metrics() -> None:
    read(engineConfigs=[{**VLLM, "name": "ours"}], defaultEngine="ours")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**VLLM, "queuedRequestsSpec": "ours_waiting"}, "'ours_waiting' is not what is read of vllm .*vllm:num_req"),
        ({**SGLANG, "cacheBlockSizeLabelName": "block_size"}, r"engineConfigs\[0\].*cacheBlockSizeLabelName"),
        ({**TRITON, "queuedRequestsSpec": "nv_trt_llm_request_metrics{request_type=max}"}, "queuedRequestsSpec"),
        ({"name": "ours", "queuedRequestsSpec": "ours_waiting"}, "engine 'ours' is not known here"),
        ({"name": "ours", "queuedRequestsSpec": "}{"}, "is no metric"),
        ({**VLLM, "customMetrics": []}, "customMetrics"),
        ({"queuedRequestsSpec": "vllm:num_requests_waiting"}, "name"),
    ],
)
def test_others_are_refused_by_name(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(engineConfigs=[config])


def test_what_engines_say_of_their_metrics_is_what_they_read() -> None:
    specs = [
        (engine, spec)
        for engine in ENGINES
        for field, of in engine.specs.items()
        if "Label" not in field
        for spec in of
    ]
    unread = {MetricSpec.of(spec).name for engine, spec in specs if MetricSpec.of(spec).name not in engine.wanted}
    assert unread == {"nv_inference_exec_count"}
