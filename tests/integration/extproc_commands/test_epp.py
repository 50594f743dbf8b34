"""``modelyard epp``: flags, sources of endpoints, health, TLS, metrics, drain."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import trustme
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from modelyard.sim.server import SimHandle

from .conftest import NOT_SERVING, SERVING, RunningProcess, body, headers, picked, status, until

pytestmark = pytest.mark.integration

Start = Callable[..., RunningProcess]

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {app}}}}}
spec: {{containers: [{{name: vllm}}]}}
status: {{phase: Running, podIP: {ip}, conditions: [{{type: Ready, status: "True"}}]}}
---
"""
POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {app}}}}}
  targetPorts: [{{number: {port}}}]
  endpointPickerRef: {{name: {name}-epp, port: {{number: 9002}}, failureMode: {mode}}}
---
"""


def pool_of(sim: SimHandle, name: str, namespace: str = "default", mode: str = "FailClose") -> str:
    """A pool with one simulated server as its Pod."""
    ip, _, port = sim.address.rpartition(":")
    return POOL.format(name=name, namespace=namespace, app=name, port=port, mode=mode) + POD.format(
        name=f"{name}-0", namespace=namespace, app=name, ip=ip
    )


def addresses(sims: list[SimHandle]) -> str:
    return ",".join(sim.address for sim in sims)


def test_endpoints_of_the_command_line(start: Start, sims: list[SimHandle]) -> None:
    epp = start("epp", "--endpoint", addresses(sims))
    assert epp.places["pools"] == [
        {
            "name": "default/endpoints",
            "failureMode": "FailClose",
            "endpoints": [sim.address for sim in sims],
            "ready": [sim.address for sim in sims],
        }
    ]
    assert set(picked(epp.process(headers(), body()))) == {sim.address for sim in sims}
    assert picked(epp.process(headers(end=True))) != []


def test_flags_in_the_spelling_of_the_original(start: Start, sims: list[SimHandle]) -> None:
    """The arguments of a chart's Deployment, v0.3.0."""
    arguments = f"-poolName vllm -poolNamespace prod -v 4 --zap-encoder json -endpoint {addresses(sims)}"
    epp = start("epp", *arguments.split(), "-secureServing=false")
    assert [pool["name"] for pool in epp.places["pools"]] == ["prod/vllm"]
    assert len(picked(epp.process(headers(), body()))) == 2


def test_one_process_serves_many_pools(start: Start, sims: list[SimHandle], tmp_path: Path) -> None:
    manifests = tmp_path / "pools.yaml"
    manifests.write_text(pool_of(sims[0], "chat", mode="FailOpen") + pool_of(sims[1], "code", "dev"))
    epp = start("epp", "-f", str(manifests))
    assert {pool["name"]: pool["failureMode"] for pool in epp.places["pools"]} == {
        "default/chat": "FailOpen",
        "dev/code": "FailClose",
    }
    for name, sim in (("default/chat", sims[0]), ("dev/code", sims[1])):
        answers = epp.process(headers(), body(), metadata=(("x-gateway-inference-pool", name),))
        assert picked(answers) == [sim.address]
    assert status(epp.process(headers(), body())) == 503


def test_the_pool_that_is_asked_for_is_the_only_one(start: Start, sims: list[SimHandle], tmp_path: Path) -> None:
    manifests = tmp_path / "pools.yaml"
    manifests.write_text(pool_of(sims[0], "chat") + pool_of(sims[1], "code", "dev"))
    epp = start("epp", "-f", str(manifests), "--pool-name", "code", "--pool-namespace", "dev")
    assert picked(epp.process(headers(), body())) == [sims[1].address]


def test_manifests_are_followed(start: Start, sims: list[SimHandle], tmp_path: Path) -> None:
    """A change is taken over, a broken file changes nothing, and its error is told."""
    manifests = tmp_path / "pools.yaml"
    manifests.write_text(pool_of(sims[0], "chat"))
    epp = start("epp", "-f", str(manifests))
    assert picked(epp.process(headers(), body())) == [sims[0].address]
    manifests.write_text(pool_of(sims[0], "chat").replace("targetPorts", "ports"))
    until(lambda: "keeps serving" in epp.log() or "unknown field" in epp.log(), "the error is told")
    assert picked(epp.process(headers(), body())) == [sims[0].address]
    manifests.write_text(pool_of(sims[1], "chat"))
    until(lambda: picked(epp.process(headers(), body())) == [sims[1].address], "the new endpoint is picked")


def test_endpoints_from_the_file_of_file_discovery(start: Start, sims: list[SimHandle], tmp_path: Path) -> None:
    def listed(sim: SimHandle) -> str:
        ip, _, port = sim.address.rpartition(":")
        return json.dumps({"endpoints": [{"name": "a", "address": ip, "port": port, "labels": {"role": "x"}}]})

    endpoints = tmp_path / "endpoints.yaml"
    endpoints.write_text(listed(sims[0]))
    config = {
        "apiVersion": "llm-d.ai/v1alpha1",
        "kind": "EndpointPickerConfig",
        "plugins": [
            {"type": "queue-scorer"},
            {"name": "files", "type": "file-discovery", "parameters": {"path": str(endpoints), "watchFile": True}},
        ],
        "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "queue-scorer"}]}],
        "dataLayer": {"discovery": {"pluginRef": "files"}},
    }
    epp = start("epp", "--pool-name", "p", "--config-text", json.dumps(config))
    assert picked(epp.process(headers(), body())) == [sims[0].address]
    endpoints.write_text(listed(sims[1]))
    until(lambda: picked(epp.process(headers(), body())) == [sims[1].address], "the file is read again")


def test_health(start: Start, tmp_path: Path, sims: list[SimHandle]) -> None:
    epp = start("epp", "--endpoint", addresses(sims))
    names = ["", "liveness", "readiness", "inference-extension", "envoy.service.ext_proc.v3.ExternalProcessor"]
    for port in ("health", "grpc"):
        assert [epp.health(name, port) for name in names] == [SERVING] * len(names)
    assert epp.health("somebody") == 0
    assert json.loads(epp.get("/readyz"))["ready"] is True
    with pytest.raises(grpc.RpcError) as refused:
        epp.process(headers(), channel=epp.channel("health"))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_picker_is_ready_once_its_endpoints_were_looked_at(start: Start) -> None:
    """Also where none of them is: requests are then refused in the protocol's words."""
    epp = start("epp", "--endpoint", "127.0.0.1:9")
    assert epp.places["pools"][0]["ready"] == []
    assert epp.health("readiness") == SERVING
    assert status(epp.process(headers(), body())) == 503


def test_metrics_under_the_names_that_dashboards_know(start: Start, sims: list[SimHandle]) -> None:
    epp = start("epp", "--pool-name", "vllm", "--endpoint", addresses(sims))
    picked(epp.process(headers(), body()))

    def families() -> dict[str, object]:
        return {family.name: family for family in text_string_to_metric_families(epp.get("/metrics"))}

    def value(name: str) -> float:
        return float(sum(s.value for family in families().values() for s in family.samples if s.name == name))  # type: ignore[attr-defined]

    until(lambda: value("inference_objective_request_total") == 1, "the request is counted")
    until(lambda: value("inference_pool_ready_pods") == 2, "the endpoints are ready")
    assert value("inference_extension_info") == 1
    assert value("inference_extension_scheduler_attempts_total") == 1
    assert value("modelyard_ready_endpoints") == 2
    stub = external_processor_pb2_grpc.ExternalProcessorStub(epp.channel())
    unanswered = threading.Event()

    def messages() -> object:
        yield headers()
        yield body()
        unanswered.wait(20)

    stream = stub.Process(messages(), timeout=30)
    until(lambda: 'inference_objective_running_requests{model_name="sim"} 1' in epp.get("/metrics"), "it runs")
    unanswered.set()
    assert len(picked(list(stream))) == 2
    until(lambda: 'inference_objective_running_requests{model_name="sim"} 0' in epp.get("/metrics"), "it runs no more")
    assert {"inference_pool_average_kv_cache_utilization", "inference_pool_per_pod_queue_size"} <= families().keys()


def test_the_admin_api_explains_a_pick(start: Start, sims: list[SimHandle]) -> None:
    """And the command asks it; without --admin there is none."""
    epp = start("epp", "--endpoint", addresses(sims), "--admin", "127.0.0.1:0")
    admin = epp.places["admin"].removeprefix("http://")
    explain = ["-m", "modelyard.cli.main", "explain", "--model", "sim", "--admin", admin]
    done = subprocess.run([sys.executable, *explain, "-o", "json"], capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert set(answer["picks"]) == {sim.address for sim in sims}
    assert answer["backend"] == "InferencePool/default/endpoints"
    assert len(answer["why"]["candidates"]) == 2
    shown = subprocess.run([sys.executable, *explain], capture_output=True, check=True, timeout=60).stdout.decode()
    assert "pick" in shown
    assert f"then {answer['picks'][1]}" in shown or f"then {answer['picks'][0]}" in shown
    assert 'modelyard_open_exchanges{worker="0"} 0' in epp.get("/metrics")


def test_tls_is_served_with_files_that_are_read_again(start: Start, sims: list[SimHandle], tmp_path: Path) -> None:
    authority, folder = trustme.CA(), tmp_path / "tls"
    folder.mkdir()

    def issue() -> bytes:
        issued = authority.issue_cert("localhost")
        (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        (folder / "tls.key").write_bytes(issued.private_key_pem.bytes())
        return issued.cert_chain_pems[0].bytes()

    issue()
    epp = start("epp", "--endpoint", addresses(sims), "--cert-path", str(folder), plain=False)
    trusted = authority.cert_pem.bytes()
    assert len(picked(epp.process(headers(), body(), channel=epp.channel(certificate=trusted)))) == 2
    assert epp.health() == SERVING

    def shown() -> str:
        host, _, port = epp.places["grpc"].rpartition(":")
        return ssl.get_server_certificate((host, int(port)), timeout=5).strip()

    latest = issue().decode().strip()
    until(lambda: shown() == latest, "the new certificate is served")
    assert len(picked(epp.process(headers(), body(), channel=epp.channel(certificate=trusted)))) == 2


def test_tls_without_files_is_self_signed(start: Start, sims: list[SimHandle]) -> None:
    epp = start("epp", "--endpoint", addresses(sims), plain=False)
    assert epp.health(port="health") == SERVING
    assert epp.health(port="grpc") == 0


def test_sigterm_lets_an_open_stream_end(start: Start, sims: list[SimHandle]) -> None:
    """The open request gets its answer, probes are answered meanwhile, and then the process ends with 0."""
    epp = start("epp", "--endpoint", addresses(sims))
    sent: list[object] = [headers()]

    def messages() -> object:
        yield sent[0]
        until(lambda: len(sent) > 1, "the body is to be sent")
        yield sent[1]

    stub = external_processor_pb2_grpc.ExternalProcessorStub(epp.channel())
    stream = stub.Process(messages(), timeout=30)
    until(lambda: 'modelyard_open_exchanges{worker="0"} 1' in epp.get("/metrics"), "the stream is open")
    epp.send_signal(signal.SIGTERM)
    until(lambda: epp.health("readiness", "grpc") == 0, "its port is closed")
    assert (epp.health("liveness"), epp.health("readiness")) == (SERVING, NOT_SERVING)
    sent.append(body())
    assert len(picked(list(stream))) == 2
    assert epp.wait() == 0


def test_new_streams_are_taken_until_gateways_know_of_the_end(start: Start, sims: list[SimHandle]) -> None:
    """Health checks say so at once; without a connection nothing is waited for."""
    epp = start("epp", "--endpoint", addresses(sims), "--drain-delay", "10m")
    channel = epp.channel()
    assert len(picked(epp.process(headers(), body(), channel=channel))) == 2
    epp.send_signal(signal.SIGTERM)
    until(lambda: epp.health("readiness") == NOT_SERVING, "it is no longer ready")
    assert epp.health("liveness") == SERVING
    assert len(picked(epp.process(headers(), body()))) == 2
    assert len(picked(epp.process(headers(), body(), channel=channel))) == 2
    epp.disconnect()
    assert epp.wait() == 0


def test_workers_outlive_a_control_process_that_dies(start: Start, sims: list[SimHandle]) -> None:
    """And the next one takes them over: the same processes, the same port."""
    epp = start("epp", "--endpoint", addresses(sims))
    workers, port = epp.workers, epp.places["grpc"].rpartition(":")[2]
    epp.send_signal(signal.SIGKILL)
    epp.wait()
    assert len(picked(epp.process(headers(), body()))) == 2
    again = start("epp", "--endpoint", addresses(sims), "--grpc-port", port, *_other_ports(epp))
    assert again.places["grpc"] == epp.places["grpc"]
    assert len(picked(again.process(headers(), body()))) == 2
    for worker in workers:
        os.kill(worker, 0)


def test_a_second_one_on_the_same_port_is_refused_and_harms_nothing(
    start: Start, sims: list[SimHandle], tmp_path: Path
) -> None:
    epp = start("epp", "--endpoint", addresses(sims))
    port = epp.places["grpc"].rpartition(":")[2]
    arguments = ["--home", str(tmp_path), "--endpoint", "127.0.0.1:1", "--grpc-port", port]
    arguments += ["--grpc-health-port", "0", "--metrics-port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "modelyard.cli.main", "epp", *arguments], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, b"another modelyard epp serves port" in done.stderr) == (5, True)
    (worker,) = epp.workers
    os.kill(worker, signal.SIGKILL)
    until(lambda: epp.health("readiness") == SERVING, "a new worker serves")
    assert len(picked(epp.process(headers(), body()))) == 2


def _other_ports(epp: RunningProcess) -> tuple[str, ...]:
    return ("--grpc-health-port", epp.places["health"].rpartition(":")[2])


def test_several_workers_share_the_port(start: Start, sims: list[SimHandle]) -> None:
    epp = start("epp", "--endpoint", addresses(sims), "--workers", "2")
    assert len(epp.workers) == 2
    for _ in range(8):
        assert len(picked(epp.process(headers(), body()))) == 2
