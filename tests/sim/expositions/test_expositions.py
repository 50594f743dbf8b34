from __future__ import annotations

import random
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelyard.sim.engine import Engine
from modelyard.sim.expositions import DIALECTS, metrics_page
from modelyard.sim.prose import plan
from modelyard.sim.sequence import Sequence
from modelyard.sim.settings import SimSettings

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def busy_engine(**fields: Any) -> Engine:
    """One sequence running, one waiting, one done, with an adapter."""
    settings = SimSettings(model="org/m.1", max_num_seqs=1, num_blocks=100, lora={"a": "/a"}, **fields)
    engine = Engine(settings, random.Random(1))
    for number in range(3):
        answer = plan(number, limit=3, natural=3, room=100)
        engine.submit(Sequence(b"x" * 640, answer, block_size=16, lora="a" if number else ""), 0.0)
        if not number:
            while not engine.statistics.finished["length"]:
                engine.step(engine.next_wake() or 0.0)
    engine.step(100.0)
    return engine


def series(engine: Engine) -> Series:
    page = metrics_page(engine, 1_000_000.0).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(found: Series, name: str, **labels: str) -> float:
    matches = [number for (key, have), number in found.items() if key == name and labels.items() <= dict(have).items()]
    assert len(matches) == 1, (name, labels, matches)
    return matches[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_page_is_valid(dialect: Any) -> None:
    assert series(busy_engine(metrics_dialect=dialect))


def test_vllm() -> None:
    engine = busy_engine()
    found = series(engine)
    assert value(found, "vllm:num_requests_running", model_name="org/m.1", engine="0") == 1
    assert value(found, "vllm:num_requests_waiting") == 1
    assert value(found, "vllm:kv_cache_usage_perc") == engine.cache.usage > 0
    assert value(found, "vllm:prompt_tokens_total") == 320
    assert value(found, "vllm:prefix_cache_queries_total") == 320
    assert value(found, "vllm:request_success_total", finished_reason="length") == 1
    assert value(found, "vllm:time_to_first_token_seconds_count") == 1
    assert value(found, "vllm:time_to_first_token_seconds_bucket", le="+Inf") == 1
    assert value(found, "vllm:cache_config_info", block_size="16", num_gpu_blocks="100") == 1
    info = value(found, "vllm:lora_requests_info", max_lora="4", running_lora_adapters="a", waiting_lora_adapters="a")
    assert info == 1_000_100.0


def test_vllm_before_any_adapter_was_used_has_no_lora_series() -> None:
    engine = Engine(SimSettings(lora={"a": "/a"}), random.Random(1))
    engine.step(0.0)
    assert b"lora_requests_info" not in metrics_page(engine, 0.0)


def test_old_vllm() -> None:
    found = series(busy_engine(metrics_dialect="vllm-old"))
    assert value(found, "vllm:gpu_cache_usage_perc") > 0
    assert value(found, "vllm:time_per_output_token_seconds_count") == 2
    assert not [key for key, _ in found if "kv_cache_usage" in key or "inter_token" in key]


@pytest.mark.parametrize(
    ("dialect", "waiting", "running", "usage"),
    [
        ("sglang", "sglang:num_queue_reqs", "sglang:num_running_reqs", "sglang:token_usage"),
        ("trtllm", "trtllm_num_requests_waiting", "trtllm_num_requests_running", "trtllm_kv_cache_utilization"),
        ("ray", "ray_vllm_num_requests_waiting", "ray_vllm_num_requests_running", "ray_vllm_kv_cache_usage_perc"),
    ],
)
def test_other_engines(dialect: Any, waiting: str, running: str, usage: str) -> None:
    engine = busy_engine(metrics_dialect=dialect)
    found = series(engine)
    assert (value(found, waiting), value(found, running)) == (1, 1)
    assert value(found, usage) == engine.cache.usage


def test_plain_triton_writes_counters_without_total() -> None:
    page = metrics_page(busy_engine(metrics_dialect="triton"), 0.0)
    labels = b'{model="org/m.1",version="1"} 1.0\n'
    assert b"nv_inference_pending_request_count" + labels in page
    assert b"nv_inference_exec_count" + labels in page


def test_triton_with_tensorrt_tells_kinds_by_label() -> None:
    found = series(busy_engine(metrics_dialect="triton-trtllm"))
    assert value(found, "nv_trt_llm_request_metrics", request_type="waiting") == 1
    assert value(found, "nv_trt_llm_request_metrics", request_type="scheduled") == 1
    assert value(found, "nv_trt_llm_kv_cache_block_metrics", kv_cache_block_type="max") == 100


def test_ray_shows_counters_twice() -> None:
    found = series(busy_engine(metrics_dialect="ray"))
    assert value(found, "ray_vllm_prompt_tokens") == value(found, "ray_vllm_prompt_tokens_total") == 320
    assert value(found, "ray_serve_deployment_queued_queries", deployment="LLMServer:org--m_1") == 1
