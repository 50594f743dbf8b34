"""Everything that dashboards and alerts query is there, with the labels that they use."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from modelyard.sim.server import SimHandle

from .conftest import RunningProcess, body, headers, picked, status, until
from .dashboards import DASHBOARDS

pytestmark = pytest.mark.integration

Start = Callable[..., RunningProcess]
Samples = list[tuple[str, dict[str, str], float]]

QUEUES = {
    "apiVersion": "llm-d.ai/v1alpha1",
    "kind": "EndpointPickerConfig",
    "featureGates": ["flowControl"],
    "plugins": [{"type": "queue-scorer"}, {"type": "prefix-cache-scorer"}],
    "schedulingProfiles": [
        {"name": "default", "plugins": [{"pluginRef": "queue-scorer"}, {"pluginRef": "prefix-cache-scorer"}]}
    ],
}
LONG = json.dumps({"model": "sim", "messages": [{"role": "user", "content": "once upon a time " * 100}]}).encode()
ANSWER = json.dumps(
    {"object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 400, "completion_tokens": 7}}
).encode()


def response(code: str = "200") -> list[ext_proc.ProcessingRequest]:
    """A model server's answer, as a proxy shows it."""
    head, content = ext_proc.ProcessingRequest(), ext_proc.ProcessingRequest()
    lines = {":status": code, "content-type": "application/json"}
    head.response_headers.headers.headers.extend(
        base_pb2.HeaderValue(key=name, raw_value=value.encode()) for name, value in lines.items()
    )
    content.response_body.body = ANSWER
    content.response_body.end_of_stream = True
    return [head, content]


def samples(epp: RunningProcess) -> Samples:
    families = text_string_to_metric_families(epp.get("/metrics"))
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def value(found: Samples, name: str, /, **labels: str) -> float:
    return sum(number for is_name, has, number in found if is_name == name and labels.items() <= has.items())


def missing(found: Samples, running: Samples) -> list[str]:
    """What some dashboard queries, and is not there with its labels. ``running``: while a request was open."""
    by_name: dict[str, set[str]] = {}
    for name, labels, _ in (*found, *running):
        by_name.setdefault(name, set()).update(labels)
    return [
        f"{dashboard}: {name}{set(labels)}"
        for dashboard, queries in DASHBOARDS.items()
        for name, labels in queries.items()
        if name not in by_name or not set(labels) <= by_name[name]
    ]


def test_whatever_dashboards_query_is_there(start: Start, sims: list[SimHandle]) -> None:
    epp = start("epp", "--pool-name", "vllm", "--endpoint", sims[0].address, "--config-text", json.dumps(QUEUES))
    until(lambda: value(samples(epp), "inference_pool_ready_pods") == 1, "the endpoint is ready")
    tenant = {"x_gateway_inference_fairness_id": "tenant"}
    for _ in range(2):
        assert picked(epp.process(headers(**tenant), body(LONG), *response())) != []
    assert picked(epp.process(headers(), body(LONG), *response("500"))) != []
    assert status(epp.process(headers(), body(b"no json"))) == 400
    stub, unanswered = external_processor_pb2_grpc.ExternalProcessorStub(epp.channel()), threading.Event()

    def open_request() -> Iterator[ext_proc.ProcessingRequest]:
        yield headers()
        yield body()
        unanswered.wait(20)

    stream = stub.Process(open_request(), timeout=30)
    running = until(
        lambda: found if value(found := samples(epp), "llm_d_epp_request_running", model_name="sim") else None,
        "a request runs",
    )
    unanswered.set()
    list(stream)
    assert value(running, "inference_model_request_total") == 4  # the open one, and not the one that was refused
    queued = "llm_d_epp_flow_control_request_queue_duration_seconds_count"
    until(lambda: value(samples(epp), queued, fairness_id="default-flow") == 2, "everything is counted")
    until(lambda: value(samples(epp), "llm_d_epp_plugin_duration_seconds_count") >= 3, "policies were timed")
    found = samples(epp)
    assert missing(found, running) == []
    _check(found)


def _check(found: Samples) -> None:
    """The numbers, under whichever name."""
    for prefix in ("inference_extension", "llm_d_epp"):
        queued = f"{prefix}_flow_control_request_queue_duration_seconds_count"
        assert value(found, queued, fairness_id="tenant", outcome="Dispatched", priority="0") == 2
        assert value(found, queued, fairness_id="default-flow", inference_pool="vllm") == 2
        assert value(found, f"{prefix}_flow_control_request_enqueue_duration_seconds_count", fairness_id="tenant") == 2
        ratio = f"{prefix}_prefix_indexer_hit_ratio"
        assert (value(found, f"{ratio}_count"), value(found, f"{ratio}_sum")) == (3, 2)
        assert value(found, f"{ratio}_bucket", le="0") == 1
        assert value(found, f"{prefix}_prefix_indexer_hit_bytes_sum") > 2000
        assert value(found, f"{prefix}_flow_control_pool_saturation", stage="effective") >= 0
    for name in ("inference_model_output_tokens_sum", "llm_d_epp_request_output_tokens_sum"):
        assert value(found, name, model_name="sim", target_model_name="sim") == 21
    for name in ("inference_model_request_error_total", "llm_d_epp_request_error_total"):
        assert value(found, name, error_code="ModelServerError") == 1
        assert value(found, name, error_code="BadRequest") == 1
    assert value(found, "llm_d_epp_flow_control_requests_total", outcome="Dispatched", inference_pool="vllm") == 4


@pytest.fixture
def exporter() -> Iterator[tuple[str, list[str]]]:
    """Metrics beside a server, under other names and with a queue that is full; and the paths that were asked for."""
    asked: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            page = b'my_queue{kind="waiting"} 50\nmy_queue{kind="done"} 1\nmy_cache 0.25\n'
            self.send_response(200)
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield str(server.server_address[1]), asked
    server.shutdown()
    server.server_close()


def test_metrics_elsewhere_and_under_other_names(
    start: Start, sims: list[SimHandle], exporter: tuple[str, list[str]]
) -> None:
    port, asked = exporter
    place = ["--model-server-metrics-port", port, "-modelServerMetricsPath", "/stats"]
    names = ["-totalQueuedRequestsMetric", "my_queue{kind=waiting}", "-kvCacheUsagePercentageMetric", "my_cache"]
    epp = start("epp", "--pool-name", "vllm", "--endpoint", sims[0].address, *place, *names)
    until(lambda: value(samples(epp), "inference_pool_average_queue_size", name="vllm") == 50, "the queue is known")
    assert value(samples(epp), "inference_pool_average_kv_cache_utilization") == 0.25
    until(lambda: value(samples(epp), "inference_extension_flow_control_pool_saturation") == 10, "admission knows it")
    assert set(asked) == {"/stats"}


def test_a_queue_that_waits_is_shown_by_model_and_whose_it_is(
    start: Start, sims: list[SimHandle], exporter: tuple[str, list[str]]
) -> None:
    """The model's name too, though nothing of it was ever sent to a server: what scales from zero goes by it."""
    full = ["--model-server-metrics-port", exporter[0], "--total-queued-requests-metric", "my_queue{kind=waiting}"]
    config = json.dumps({**QUEUES, "flowControl": {"defaultRequestTTL": "2s"}})
    epp = start("epp", "--pool-name", "vllm", "--endpoint", sims[0].address, "--config-text", config, *full)
    until(lambda: value(samples(epp), "inference_extension_flow_control_pool_saturation") >= 1, "the pool is full")
    answers: list[list[ext_proc.ProcessingResponse]] = []
    tenant = {"x_gateway_inference_fairness_id": "tenant"}
    waiting = threading.Thread(target=lambda: answers.append(epp.process(headers(**tenant), body())))
    waiting.start()
    labels = {"fairness_id": "tenant", "priority": "0", "inference_pool": "vllm", "model_name": "sim"}
    until(lambda: value(samples(epp), "llm_d_epp_flow_control_queue_size", **labels) == 1, "it is shown")
    waiting.join(20)
    assert status(answers[0]) == 429
    expired = {"fairness_id": "tenant", "outcome": "EvictedTTL"}
    counted = "inference_extension_flow_control_request_queue_duration_seconds"
    until(lambda: value(samples(epp), f"{counted}_count", **expired) == 1, "and how it ended")
    found = samples(epp)
    assert value(found, f"{counted}_sum", **expired) >= 2
    assert value(found, "inference_extension_flow_control_queue_size") == 0
    assert value(found, "inference_extension_flow_control_dispatch_cycle_duration_seconds_count") > 0


def test_scores_beside_the_pick(start: Start, sims: list[SimHandle]) -> None:
    addresses = ",".join(sim.address for sim in sims)
    flags = ("--emit-endpoint-scores", "--endpoints-in-pick", "1", "--tls-min-version", "VersionTLS13")
    epp = start("epp", "--endpoint", addresses, *flags)
    answers = epp.process(headers(), body())
    fields = answers[0].dynamic_metadata.fields["envoy.lb"].struct_value.fields
    scores = fields["x-gateway-destination-endpoint-scores"].struct_value.fields
    assert len(picked(answers)) == 1
    assert set(scores) == {sim.address for sim in sims}
    assert all(score.number_value > 0 for score in scores.values())


def test_the_longest_message_is_the_operators(start: Start, sims: list[SimHandle]) -> None:
    epp = start("epp", "--endpoint", sims[0].address, "--grpc-max-recv-msg-size", "64KiB")
    assert picked(epp.process(headers(), body(LONG))) != []
    with pytest.raises(grpc.RpcError) as refused:
        epp.process(headers(), body(b"x" * 70_000))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
