"""Two published systems, their manifests unmodified, behind a real Envoy with ``modelyard bbr`` and ``modelyard epp``:
several Ray clusters told apart by the model in the body, and a base model with adapters behind an InferencePool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from envoy_setup import Setup, setup, until
from seed_manifests import LLAMA, inference_gateway, ray_clusters
from sim_servers import SimServers

from modelyard.sim.faults import Faults
from modelyard.sim.server import SimHandle
from modelyard.sim.settings import SimSettings

pytestmark = [pytest.mark.integration, pytest.mark.envoy, pytest.mark.timeout(180)]

GEMMA, QWEN = "gemma-2b-it", "qwen-2.5-3b"
SERVICES = {GEMMA: "gemma-2b-it-serve-svc", QWEN: "qwen-25-3b-serve-svc"}
ADAPTERS = ("food-review", "cad-fabricator")
HELLO: Any = [{"role": "user", "content": "Which model are you?"}]
TOKENS = 24
BETWEEN_TOKENS = 0.05
"""Seconds: a stream lasts more than one, so that its begin is seen before its end."""
CURLS = {
    GEMMA: """curl http://GATEWAY_IP_ADDRESS/v1/chat/completions \\
    --header 'Content-Type: application/json' \\
    --data '{
    "model": "gemma-2b-it",
    "messages": [{"role": "user", "content": "Tell me about GKE."}]
    }'
""",
    QWEN: """curl http://GATEWAY_IP_ADDRESS/v1/chat/completions \\
    --header 'Content-Type: application/json' \\
    --data '{
    "model": "qwen-2.5-3b",
    "messages": [{"role": "user", "content": "How does Ray Serve work?"}]
    }'
""",
}
"""The page's own client."""


@dataclass(frozen=True)
class Edge:
    """What clients see, and what stands behind it."""

    setup: Setup
    servers: Mapping[str, SimHandle]
    sick: SimHandle | None = None
    """Fails the health check that its system asks for."""

    @property
    def address(self) -> str:
        return f"{self.setup.edge}:8080"

    @property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"http://{self.address}/v1", api_key="none", max_retries=0, timeout=30)

    def serves(self, model: str) -> bool:
        """Once everybody knows everybody."""
        try:
            chat(self, model, max_tokens=1)
        except openai.APIError:
            return False
        return True


def chat(edge: Edge, model: str, **options: Any) -> Any:
    options = {"max_tokens": TOKENS, **options}
    return edge.openai.chat.completions.with_raw_response.create(model=model, messages=HELLO, **options)


def asked(server: SimHandle) -> list[Any]:
    """Bodies of the model requests that a server got."""
    return [json.loads(item.body or "null") for item in server.requests if item.method == "POST"]


def streamed(edge: Edge, servers: Mapping[str, SimHandle], model: str) -> str:
    """The text of a stream, which begins to arrive while its server still generates."""
    stream = edge.openai.chat.completions.create(
        model=model, messages=HELLO, max_tokens=TOKENS, stream=True, stream_options={"include_usage": True}
    )
    events = iter(stream)
    found = [next(events)]
    assert any(server.engine.running for server in servers.values()), "the answer was held back until its end"
    found += events
    assert {event.model for event in found} == {model}
    assert found[-1].usage is not None
    assert found[-1].usage.completion_tokens == TOKENS
    texts = [choice.delta.content for event in found for choice in event.choices if choice.delta.content]
    assert len(texts) > TOKENS // 2
    return "".join(texts)


# ── several Ray clusters, chosen by the body ──


@pytest.fixture(scope="module", params=["envoy-config", "gateway --edge envoy"])
def clusters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]
) -> Iterator[Edge]:
    """The page's system has no InferencePool, so with an Envoy of one's own nobody picks; Modelyard's own Envoy has its
    picker asked for Services too."""
    block = own_blocks()
    hosts = {GEMMA: f"{block}.11", QWEN: f"{block}.12"}
    sick = f"{block}.13"
    files = ray_clusters({SERVICES[GEMMA]: [hosts[GEMMA], sick], SERVICES[QWEN]: [hosts[QWEN]]})
    sims = SimServers()
    try:
        servers = {model: sims.start(_ray(model), host=host, port=8000) for model, host in hosts.items()}
        ill = sims.start(_ray(GEMMA, unhealthy=True), host=sick, port=8000)
        with setup(tmp_path_factory.mktemp("clusters"), block, files=files) as made:
            if request.param == "envoy-config":
                made.router()
                made.envoy()
            else:
                made.gateway()
            edge = Edge(made, servers, ill)
            until(lambda: edge.serves(GEMMA) and edge.serves(QWEN), "the two models are not served")
            yield edge
    finally:
        sims.close()


@pytest.mark.parametrize("model", CURLS)
def test_the_pages_own_client_gets_each_models_answer(clusters: Edge, model: str) -> None:
    command = CURLS[model].replace("GATEWAY_IP_ADDRESS", clusters.address)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    answer = json.loads(done.stdout)
    assert (answer["object"], answer["model"]) == ("chat.completion", model)
    assert answer["choices"][0]["message"]["content"]
    sent = json.loads(command.partition("--data '")[2].rpartition("'")[0])
    assert asked(clusters.servers[model])[-1] == sent


@pytest.mark.parametrize("model", CURLS)
def test_each_model_is_answered_by_its_own_cluster(clusters: Edge, model: str) -> None:
    raw = chat(clusters, model)
    assert raw.headers["x-sim-endpoint"] == clusters.servers[model].address
    answer = raw.parse()
    assert (answer.model, answer.usage.completion_tokens) == (model, TOKENS)
    assert streamed(clusters, {model: clusters.servers[model]}, model) == answer.choices[0].message.content


def test_a_model_that_no_route_names_is_not_found(clusters: Edge) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        chat(clusters, "gemma-7b-it")
    assert missing.value.code == "model_not_found"
    assert "gemma-7b-it" in missing.value.message


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"model": "gemma-2b-it", "model": "qwen-2.5-3b"}'])
def test_what_names_no_model_is_refused_whatever_its_headers_say(clusters: Edge, body: str) -> None:
    """The original lets the client's own header choose the cluster then, or ends the connection."""
    before = {model: len(asked(server)) for model, server in clusters.servers.items()}
    headers = {"content-type": "application/json", "x-gateway-model-name": GEMMA}
    answer = clusters.openai._client.post("chat/completions", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "missing_model")
    assert {model: len(asked(server)) for model, server in clusters.servers.items()} == before


def test_a_number_is_a_name_that_no_route_has(clusters: Edge) -> None:
    headers = {"content-type": "application/json", "x-gateway-model-name": GEMMA}
    answer = clusters.openai._client.post("chat/completions", content='{"model": 7}', headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_the_body_decides_not_the_clients_header(clusters: Edge) -> None:
    raw = chat(clusters, QWEN, extra_headers={"X-Gateway-Model-Name": GEMMA, "serve_multiplexed_model_id": GEMMA})
    assert raw.headers["x-sim-endpoint"] == clusters.servers[QWEN].address
    (name,) = [item.header("x-gateway-model-name") for item in clusters.servers[QWEN].requests[-1:]]
    assert name == QWEN


def test_what_fails_the_policys_health_check_is_asked_nothing(clusters: Edge) -> None:
    assert clusters.sick is not None
    for _ in range(8):
        assert chat(clusters, GEMMA, max_tokens=1).headers["x-sim-endpoint"] == clusters.servers[GEMMA].address
    assert not asked(clusters.sick)


# ── a base model and its adapters behind an InferencePool ──


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    block = own_blocks()
    hosts = [f"{block}.11", f"{block}.12"]
    sims = SimServers()
    try:
        servers = {host: sims.start(_llama(), host=host, port=8000) for host in hosts}
        with setup(tmp_path_factory.mktemp("pool"), block, files=inference_gateway(hosts)) as made:
            made.router()
            made.picker()
            made.envoy()
            edge = Edge(made, servers)
            until(lambda: all(edge.serves(model) for model in (LLAMA, *ADAPTERS)), "base and adapters are not served")
            yield edge
    finally:
        sims.close()


@pytest.mark.parametrize("model", [LLAMA, *ADAPTERS])
def test_base_and_adapters_answer_streamed_and_whole(pool: Edge, model: str) -> None:
    raw = chat(pool, model)
    assert raw.headers["x-sim-endpoint"] in {server.address for server in pool.servers.values()}
    assert raw.headers["x-sim-model"] == model
    answer = raw.parse()
    assert (answer.model, answer.usage.completion_tokens) == (model, TOKENS)
    assert streamed(pool, pool.servers, model)


@pytest.mark.parametrize("model", [LLAMA, *ADAPTERS])
def test_the_modules_own_route_serves_completions(pool: Edge, model: str) -> None:
    raw = pool.openai.completions.with_raw_response.create(model=model, prompt="Once", max_tokens=4)
    assert (raw.headers["x-sim-model"], raw.parse().model) == (model, model)
    pieces = list(pool.openai.completions.create(model=model, prompt="Once", max_tokens=4, stream=True))
    assert {piece.model for piece in pieces} == {model}
    assert len(pieces) >= 4


def test_a_name_for_clients_is_its_targets_model_and_comes_back(pool: Edge) -> None:
    """The body is changed on the way in, and the model's name on the way out."""
    prompt = "a bolt, not rewritten: drawings"
    raw = pool.openai.completions.with_raw_response.create(model="drawings", prompt=prompt, max_tokens=4)
    assert (raw.headers["x-sim-model"], raw.parse().model) == ("cad-fabricator", "drawings")
    served = next(server for server in pool.servers.values() if server.address == raw.headers["x-sim-endpoint"])
    assert asked(served)[-1] == {"model": "cad-fabricator", "prompt": prompt, "max_tokens": 4}
    pieces = list(pool.openai.completions.create(model="drawings", prompt=prompt, max_tokens=4, stream=True))
    assert {piece.model for piece in pieces} == {"drawings"}


def test_the_picker_spreads_requests_over_the_pods(pool: Edge) -> None:
    streams = [
        pool.openai.chat.completions.with_raw_response.create(
            model=LLAMA, messages=[{"role": "user", "content": f"{at} {'x' * 200}"}], max_tokens=TOKENS, stream=True
        )
        for at in range(8)
    ]
    assert {raw.headers["x-sim-endpoint"] for raw in streams} == {server.address for server in pool.servers.values()}
    for raw in streams:
        assert list(raw.parse())


def test_unknown_models_are_not_found_by_picker_and_by_route(pool: Edge) -> None:
    for ask in (
        lambda: pool.openai.completions.create(model="sql-chat", prompt="x", max_tokens=1),
        lambda: chat(pool, "sql-chat"),
    ):
        with pytest.raises(openai.NotFoundError) as missing:
            ask()
        assert missing.value.code == "model_not_found"


def _ray(model: str, **faults: Any) -> SimSettings:
    return SimSettings(
        model=model,
        flavour="ray",
        itl_s=BETWEEN_TOKENS,
        metrics_dialect="ray",
        metrics_port=8080,
        faults=Faults(**faults),
    )


def _llama() -> SimSettings:
    return SimSettings(
        model=LLAMA,
        itl_s=BETWEEN_TOKENS,
        lora={name: f"/adapters/{name}" for name in ADAPTERS},
        max_loras=2,
        max_cpu_loras=12,
    )
