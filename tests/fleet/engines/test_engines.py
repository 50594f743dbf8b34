"""Every engine: its load out of pages as servers show them, and how it is told from the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.fleet import engines
from modelyard.fleet.endpoints import EngineLoad, ModelLoad
from modelyard.fleet.engine import Probe
from modelyard.fleet.prometheus_text import MetricsPage

PAGES = Path(__file__).parent / "pages"
METRICS = Probe(path="/metrics")
AT = 12.5


def page(name: str) -> bytes:
    return (PAGES / name).read_bytes()


LOADS = [
    (
        "vllm",
        "vllm-0.8-v0.txt",
        EngineLoad(
            at=AT,
            waiting=3,
            running=12,
            kv_usage=0.40625,
            block_size=16,
            num_blocks=7392,
            max_loras=4,
            running_loras=frozenset({"sql-lora", "chat-lora"}),
            waiting_loras=frozenset({"tweet-summary"}),
        ),
    ),
    (
        "vllm",
        "vllm-data-parallel.txt",
        EngineLoad(at=AT, waiting=2, running=16, kv_usage=0.5, block_size=128, num_blocks=1024),
    ),
    (
        "vllm",
        "vllm-0.32.txt",
        EngineLoad(
            at=AT,
            running=3,
            kv_usage=0.0007325112928824318,
            block_size=128,
            num_blocks=8192,
            max_loras=2,
            running_loras=frozenset({"sql"}),
            waiting_loras=frozenset({"sql"}),
        ),
    ),
    ("ray-serve", "ray-2.46.txt", EngineLoad(at=AT, waiting=4, running=6, delay=10.0)),
    ("ray-serve", "ray-2.60-llm.txt", EngineLoad(at=AT, waiting=1, running=8, kv_usage=0.3, delay=10.0)),
    ("ray-serve", "ray-2.60-before-requests.txt", EngineLoad(at=AT, delay=10.0)),
    (
        "ray-serve",
        "ray-2.60-two-models.txt",
        EngineLoad(
            at=AT,
            waiting=3,
            running=6,
            kv_usage=0.0014655593551539114,
            block_size=128,
            num_blocks=2048,
            delay=10.0,
            by_model={
                "org/one-1.5": ModelLoad(waiting=3, running=4, kv_usage=0.0019540791402051783),
                "two": ModelLoad(running=2, kv_usage=0.0009770395701026446),
            },
        ),
    ),
    (
        "ray-serve",
        "ray-2.60-one-model-idle.txt",
        EngineLoad(
            at=AT,
            waiting=3,
            running=4,
            kv_usage=0.0019540791402051783,
            block_size=128,
            num_blocks=2048,
            delay=10.0,
            by_model={"org/one-1.5": ModelLoad(waiting=3, running=4, kv_usage=0.0019540791402051783)},
        ),
    ),
    ("ray-serve", "ray-serve-only.txt", EngineLoad(at=AT, waiting=3, running=4, delay=10.0)),
    (
        "sglang",
        "sglang.txt",
        EngineLoad(at=AT, waiting=2826, running=162, kv_usage=0.28, block_size=16, num_blocks=27648),
    ),
    (
        "trtllm-serve",
        "trtllm-serve.txt",
        EngineLoad(at=AT, waiting=1, running=8, kv_usage=0.125, block_size=32, num_blocks=4096),
    ),
    (
        "triton-tensorrt-llm",
        "triton-tensorrt-llm.txt",
        EngineLoad(at=AT, waiting=1, running=5, kv_usage=0.4875, block_size=64, num_blocks=80),
    ),
    (
        "triton",
        "triton-tensorrt-llm.txt",
        EngineLoad(at=AT, waiting=1, running=5, kv_usage=0.4875, block_size=64, num_blocks=80),
    ),
    ("triton", "triton.txt", EngineLoad(at=AT, waiting=5)),
]


@pytest.mark.parametrize(("name", "file", "load"), LOADS, ids=[row[1] for row in LOADS])
def test_load_of_a_page(name: str, file: str, load: EngineLoad) -> None:
    engine = engines.named(name)
    assert engine is not None
    assert engine.load(MetricsPage(page(file)), AT) == load


@pytest.mark.parametrize(("name", "file"), [row[:2] for row in LOADS], ids=[row[1] for row in LOADS])
def test_the_wanted_lines_alone_give_the_same_load(name: str, file: str) -> None:
    """``wanted`` names everything that ``load`` reads, so a filtered page is enough."""
    engine = engines.named(name)
    assert engine is not None
    lines = [line for line in page(file).splitlines() if line.startswith(tuple(w.encode() for w in engine.wanted))]
    filtered = MetricsPage(b"\n".join(lines))
    assert engine.load(filtered, AT) == engine.load(MetricsPage(page(file)), AT)


def test_the_page_that_vllm_filters_gives_the_same_load() -> None:
    """Both recorded from vLLM 0.32 at the same moment: ``/metrics`` and ``/metrics/?name[]=…``."""
    vllm = engines.named("vllm")
    assert vllm is not None
    whole, filtered = page("vllm-0.32.txt"), page("vllm-0.32-filtered.txt")
    assert len(filtered) < len(whole) / 20
    assert vllm.load(MetricsPage(filtered), AT) == vllm.load(MetricsPage(whole), AT)


@pytest.mark.parametrize("engine", engines.ENGINES, ids=lambda engine: engine.name)
def test_a_page_of_nothing_known_is_no_load(engine: engines.Engine) -> None:
    for body in (b"", b"# HELP x y\nx 1\n", b"\x00\xff" * 1000, b"{}", page("vllm-0.8-v0.txt")[:40]):
        assert engine.load(MetricsPage(body), AT) is None


@pytest.mark.parametrize("engine", engines.ENGINES, ids=lambda engine: engine.name)
def test_hostile_values_stay_in_range(engine: engines.Engine) -> None:
    for value in (b"NaN", b"+Inf", b"-Inf", b"-5", b"1e308", b"9" * 400, b"text", b""):
        lines = [
            b'%b{request_type="waiting",kv_cache_block_type="fraction"} %b' % (n.encode(), value) for n in engine.wanted
        ]
        load = engine.load(MetricsPage(b"\n".join(lines)), AT)
        if load is not None:
            assert 0 <= load.waiting < 1e9
            assert 0 <= load.running < 1e9
            assert 0.0 <= load.kv_usage <= 1.0
            assert load.block_size >= 0
            assert load.num_blocks >= 0


RECOGNISED = [
    (METRICS, page("vllm-0.8-v0.txt"), "vllm"),
    (METRICS, page("vllm-data-parallel.txt"), "vllm"),
    (METRICS, page("vllm-0.32.txt"), "vllm"),
    (METRICS, page("sglang.txt"), "sglang"),
    (METRICS, page("triton-tensorrt-llm.txt"), "triton-tensorrt-llm"),
    (METRICS, page("triton.txt"), "triton"),
    (Probe(path="/metrics", port=8002), page("triton-tensorrt-llm.txt"), "triton-tensorrt-llm"),
    (Probe(path="/metrics", port=8002), page("triton.txt"), "triton"),
    (Probe(path="/prometheus/metrics"), page("trtllm-serve.txt"), "trtllm-serve"),
    (Probe(path="/-/healthz"), b"success", "ray-serve"),
    (Probe(path="/-/healthz"), b"This node is being drained.", "ray-serve"),
    (Probe(path="/version"), b'{"version":"0.0.0+simulated","simulated":true}', "simulator"),
    (Probe(path="/v1/models"), b'{"object":"list","data":[{"id":"m","owned_by":"vllm"}]}', "vllm"),
    (Probe(path="/v1/models"), b'{"object":"list","data":[{"id":"m","owned_by":"sglang"}]}', "sglang"),
    (Probe(path="/v1/models"), b'{"object": "list", "data": []}', "openai"),
    (Probe(path="/v2"), b'{"name":"triton","version":"2.60.0"}', "triton"),
    (Probe(path="/version"), b'{"version":"0.32.0"}', None),
    (Probe(path="/-/healthz"), b'{"message":"no success here"}', None),
    (METRICS, b"vllm is mentioned, sglang:num_ too\nprocess_cpu_seconds_total 1\n", None),
    (METRICS, b"", None),
]


@pytest.mark.parametrize(("probe", "body", "name"), RECOGNISED)
def test_recognition(probe: Probe, body: bytes, name: str | None) -> None:
    found = engines.recognise(probe, body)
    assert (found[0].name if found else None) == name
    assert probe in engines.probes()


def test_names_aliases_and_labels() -> None:
    names = [name for engine in engines.ENGINES for name in (engine.name, *engine.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)
    assert engines.named(" vLLM ") is engines.named("vllm")
    assert engines.named("unheard-of") is None
    assert engines.labelled({"llm-d.ai/engine-type": "sglang"}) == "sglang"
    assert engines.labelled({"inference.networking.k8s.io/engine-type": "ray"}) == "ray-serve"
    assert engines.labelled({"llm-d.ai/engine-type": "typo"}) == ""


def test_only_the_wanted_metrics_are_asked_for_where_the_engine_can_filter() -> None:
    vllm = engines.named("vllm")
    assert vllm is not None
    assert vllm.filtered is not None
    assert vllm.filtered.path.startswith("/metrics/?name%5B%5D=vllm:num_requests_waiting&")
    assert engines.named("sglang").filtered is None  # type: ignore[union-attr]
