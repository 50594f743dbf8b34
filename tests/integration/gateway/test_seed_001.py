"""Two models on Ray Serve behind one address: the Gateway, its route, the health checks and the body-based router's
values as they were written for GKE, unmodified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml
from running_gateway import RunningGateway, until
from sim_servers import SimServers

from modelyard.sim.faults import Faults
from modelyard.sim.server import SimHandle
from modelyard.sim.settings import SimSettings

pytestmark = pytest.mark.integration

MANIFESTS = Path(__file__).parents[3] / "examples" / "upstream" / "ray-clusters"
FILES = ("gateway.yaml", "healthcheck-policy.yaml", "helm-values.yaml")
GEMMA, QWEN = "gemma-2b-it", "qwen-2.5-3b"
SERVICES = {GEMMA: "gemma-2b-it-serve-svc", QWEN: "qwen-25-3b-serve-svc"}
HELLO: Any = [{"role": "user", "content": "Which model are you?"}]


@dataclass
class Setup:
    gateway: RunningGateway
    servers: dict[str, SimHandle]
    sick: SimHandle

    def client(self) -> openai.OpenAI:
        host, port = self.gateway.address("default/ray-multi-model-gateway")
        return openai.OpenAI(base_url=f"http://{host}:{port}/v1", api_key="unused", max_retries=0, timeout=20)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory, own_address: str) -> Iterator[Setup]:
    """One server per model, and a second one for gemma that does not pass the health check of its policy."""
    prefix = own_address.removesuffix(".1")
    sims = SimServers()
    gateway = RunningGateway(tmp_path_factory.mktemp("yard"), bind=f"{prefix}.193", more=("--endpoint-header",))
    try:
        servers = {
            model: sims.start(ray(model), host=f"{prefix}.{200 + i}", port=8000) for i, model in enumerate(SERVICES)
        }
        sick = sims.start(ray(GEMMA, unhealthy=True), host=f"{prefix}.210", port=8000)
        hosts = {GEMMA: [servers[GEMMA].host, sick.host], QWEN: [servers[QWEN].host]}
        files = {name: (MANIFESTS / name).read_text() for name in FILES}
        gateway.start({**files, "services.yaml": "---\n".join(service(SERVICES[m], hosts[m]) for m in SERVICES)})
        until(lambda: all(count == 1 for count in gateway.ready_endpoints().values()), 10, "both models are ready")
        until(lambda: listed(gateway) == set(SERVICES), 10, "both model lists are known")
        yield Setup(gateway, servers, sick)
    finally:
        gateway.stop()
        sims.close()


def ray(model: str, **faults: Any) -> SimSettings:
    return SimSettings(model=model, flavour="ray", metrics_dialect="ray", metrics_port=8080, faults=Faults(**faults))


def service(name: str, hosts: list[str]) -> str:
    """A Service and the EndpointSlice that gives its endpoints."""
    spec = {"ports": [{"name": "http", "port": 8000}]}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}) + (
        "---\n"
        + yaml.safe_dump(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": 8000}],
                "endpoints": [{"addresses": [host]} for host in hosts],
            }
        )
    )


def listed(gateway: RunningGateway) -> set[str]:
    """Models that ready endpoints say they serve."""
    endpoints = [item for backend in gateway.get("/api/fleet")["backends"] for item in backend["endpoints"]]
    return {model for item in endpoints if item["ready"] for model in item["models"] or ()}


def test_everything_is_accepted(setup: Setup) -> None:
    (parent,) = setup.gateway.status("HTTPRoute", "default", "ray-multi-model-route")["parents"]
    assert {item["type"]: item["status"] for item in parent["conditions"]} == {
        "Accepted": "True",
        "ResolvedRefs": "True",
    }
    gateway = setup.gateway.status("Gateway", "default", "ray-multi-model-gateway")
    assert {item["type"]: item["status"] for item in gateway["conditions"]} == {
        "Accepted": "True",
        "Programmed": "True",
    }
    assert setup.gateway.get("/api/summary")["errors"] == []


@pytest.mark.parametrize("model", SERVICES)
def test_each_model_is_answered_by_its_own_server(setup: Setup, model: str) -> None:
    raw = setup.client().chat.completions.with_raw_response.create(model=model, messages=HELLO, max_tokens=16)
    answer = raw.parse()
    assert answer.model == model
    assert answer.choices[0].message.content
    assert raw.headers["x-sim-endpoint"] == raw.headers["x-modelyard-endpoint"] == setup.servers[model].address


@pytest.mark.parametrize("model", SERVICES)
def test_streams_are_those_of_the_model(setup: Setup, model: str) -> None:
    chat = setup.client().chat.completions
    chunks = list(
        chat.create(model=model, messages=HELLO, max_tokens=24, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = chat.create(model=model, messages=HELLO, max_tokens=24)
    assert text == whole.choices[0].message.content
    assert {chunk.model for chunk in chunks} == {model}
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 24


def test_a_model_that_nobody_serves_is_not_found(setup: Setup) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        setup.client().chat.completions.create(model="gpt-5", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert "gpt-5" in caught.value.message


def test_the_model_list_is_that_of_both(setup: Setup) -> None:
    assert {model.id for model in setup.client().models.list()} == set(SERVICES)


def test_the_policys_health_check_decides(setup: Setup) -> None:
    backends = {item["name"]: item["endpoints"] for item in setup.gateway.get("/api/fleet")["backends"]}
    endpoints = {item["address"]: item for item in backends[f"Service/default/{SERVICES[GEMMA]}:8000"]}
    assert endpoints[setup.servers[GEMMA].address]["ready"]
    sick = endpoints[setup.sick.address]
    assert (sick["ready"], sick["reason"]) == (False, "health check: /-/healthz answers HTTP 503")
    assert not [item for item in setup.sick.requests if item.path.startswith("/v1/chat")]


def test_ray_is_recognised_and_told_the_model(setup: Setup) -> None:
    setup.client().chat.completions.create(
        model=QWEN, messages=HELLO, max_tokens=4, extra_headers={"serve_multiplexed_model_id": "x"}
    )
    received = [item for item in setup.servers[QWEN].requests if item.path == "/v1/chat/completions"][-1]
    assert [value for name, value in received.headers if name.lower() == "serve_multiplexed_model_id"] == [QWEN]
    engines = {e["engine"] for b in setup.gateway.get("/api/fleet")["backends"] for e in b["endpoints"] if e["ready"]}
    assert engines == {"ray-serve"}
