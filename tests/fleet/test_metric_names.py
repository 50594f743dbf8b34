from __future__ import annotations

import pytest

from modelyard.fleet import engines
from modelyard.fleet.engine import Engine
from modelyard.fleet.metric_names import MetricNames, MetricSpec, read_by
from modelyard.fleet.prometheus_text import MetricsPage

PAGE = b"""
vllm:num_requests_waiting{engine="0"} 3
vllm:num_requests_running{engine="0"} 2
vllm:kv_cache_usage_perc{engine="0"} 0.5
queue{kind="waiting"} 7
queue{kind="parked"} 90
cache_used 0.25
adapters{max_lora="4",running_lora_adapters="a, b",waiting_lora_adapters="c"} 1
blocks{block_size="16",num_gpu_blocks="100"} 1
"""


def engine(name: str) -> Engine:
    found = engines.named(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("queue", MetricSpec("queue")),
        ("vllm:num_requests_waiting", MetricSpec("vllm:num_requests_waiting")),
        ("queue{kind=waiting}", MetricSpec("queue", {"kind": "waiting"})),
        (' queue { kind = "waiting" , x=y } ', MetricSpec("queue", {"kind": "waiting", "x": "y"})),
        ("queue{}", MetricSpec("queue")),
    ],
)
def test_how_a_metric_is_written(text: str, spec: MetricSpec) -> None:
    assert MetricSpec.of(text) == spec


@pytest.mark.parametrize("text", ["", "0x", "a b", "queue{kind}", "queue{kind=waiting", "queue{a=b=c}", "queue{,}"])
def test_what_is_no_metric(text: str) -> None:
    with pytest.raises(ValueError, match="is no metric"):
        MetricSpec.of(text)


def test_given_names_count_instead_of_the_engines() -> None:
    names = MetricNames(
        queued=MetricSpec.of("queue{kind=waiting}"),
        kv_usage=MetricSpec("cache_used"),
        lora=MetricSpec("adapters"),
        cache=MetricSpec("blocks"),
    )
    load = read_by(engine("vllm"), names).load(MetricsPage(PAGE), 1.0)
    assert load is not None
    assert (load.waiting, load.running, load.kv_usage) == (7, 2, 0.25)
    assert (load.max_loras, load.running_loras, load.waiting_loras) == (4, {"a", "b"}, {"c"})
    assert (load.block_size, load.num_blocks) == (16, 100)


def test_an_engine_without_metrics_of_its_own_has_a_load() -> None:
    renamed = read_by(engine("openai"), MetricNames(queued=MetricSpec("queue", {"kind": "waiting"})))
    assert renamed.metrics is not None
    assert renamed.metrics.path == "/metrics"
    load = renamed.load(MetricsPage(PAGE), 1.0)
    assert load is not None
    assert load.waiting == 7


def test_a_name_that_the_page_does_not_have_changes_nothing() -> None:
    """The old name of vLLM's, which charts still give."""
    names = MetricNames(kv_usage=MetricSpec("vllm:gpu_cache_usage_perc"))
    vllm = engine("vllm")
    assert read_by(vllm, names).load(MetricsPage(PAGE), 1.0) == vllm.load(MetricsPage(PAGE), 1.0)
