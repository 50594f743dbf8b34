"""``examples/ray-multiplexing`` as its page says: one cluster, two models told apart by the body's name."""

from __future__ import annotations

import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openai
import pytest

from docs.examples import Block, Place, blocks
from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

from .free_port import free_port
from .ray_yard import RAY, RayYard, until

pytestmark = RAY
EXAMPLE = Path(__file__).parents[3] / "examples" / "ray-multiplexing"
COMPLETIONS = "/v1/completions"


class ExampleYard(RayYard):
    """The example's own files."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "")
        shutil.rmtree(self.manifests)
        shutil.copytree(EXAMPLE, self.manifests, ignore=shutil.ignore_patterns("__pycache__"))
        self.address = f"http://127.0.0.1:{free_port()}"

    def endpoint(self) -> dict[str, Any]:
        """The one endpoint of the pool."""
        backends = self.admin("/api/fleet")["backends"]
        found: dict[str, Any] = next(b["endpoints"][0] for b in backends if b["name"].startswith("InferencePool"))
        return found

    def post(self, body: Any, headers: Mapping[str, str] = {}, *, base: str = "") -> tuple[int, Any]:
        """A completion; straight to the cluster with ``base``."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = (base or self.address) + COMPLETIONS
        request = urllib.request.Request(  # noqa: S310 - loopback
            url, data=data, headers={"Content-Type": "application/json", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - loopback
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def straight(self) -> str:
        """The cluster's own address."""
        return f"http://{self.endpoint()['address']}"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleYard]:
    running = ExampleYard(tmp_path_factory.mktemp("multiplexing"))
    try:
        running.start()
        print(f"\ncold start of two models: {running.start_seconds:.1f} s")
        yield running
    finally:
        running.end()


@pytest.fixture
def client(yard: ExampleYard) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=120)


def said(client: openai.OpenAI, model: str, question: str) -> str:
    """The whole of a streamed answer."""
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], max_tokens=60, temperature=0, stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


@pytest.mark.parametrize("block", blocks("run: multiplexing"), ids=str)
def test_the_page_s_commands(yard: ExampleYard, block: Block):
    Place(addresses={"http://127.0.0.1:8080": yard.address}, seconds=120).run(block)


def test_both_models_are_listed(client: openai.OpenAI):
    assert {model.id for model in client.models.list()} == {"demo-llama", "demo-alpaca"}


@pytest.mark.parametrize("model", ["demo-llama", "demo-alpaca"])
def test_the_body_s_model_answers_as_a_stream(client: openai.OpenAI, model: str):
    text = said(client, model, "What can you tell me?")
    assert kind_of(text) == KIND_OF_MODEL[model], text


def test_an_unknown_model_is_a_404_in_openai_s_form(yard: ExampleYard):
    for base in ("", yard.straight()):
        status, body = yard.post({"model": "nobody", "prompt": "Hello"}, base=base)
        assert status == 404
        assert body["error"]["code"] == "model_not_found"


def test_the_application_alone_goes_by_the_body_too(yard: ExampleYard):
    ask = {"model": "demo-llama", "prompt": "Hello", "max_tokens": 3}
    right = {"serve_multiplexed_model_id": "demo-llama"}
    assert yard.post(ask, base=yard.straight())[1]["model"] == "demo-llama"
    assert yard.post(ask, right, base=yard.straight())[0] == 200
    status, body = yard.post(ask, {"serve_multiplexed_model_id": "demo-alpaca"}, base=yard.straight())
    assert (status, body["error"]["param"]) == (400, "model")
    assert yard.post(b"{", base=yard.straight())[0] == 400


def test_a_client_cannot_choose_another_model_by_the_header(yard: ExampleYard):
    ask = {"model": "demo-llama", "prompt": "Hello", "max_tokens": 3}
    assert yard.post(ask, {"serve_multiplexed_model_id": "demo-alpaca"})[0] == 200


def test_vllm_s_own_errors_come_through(yard: ExampleYard):
    status, body = yard.post({"model": "demo-llama", "prompt": "Hello", "max_tokens": -1})
    assert status == 400
    assert "max_tokens" in body["error"]["message"]


def test_the_load_is_seen_per_model(yard: ExampleYard):
    over = threading.Event()

    def keep_asking(model: str, tokens: int) -> None:
        while not over.is_set():
            yard.post({"model": model, "prompt": "Hello", "max_tokens": tokens, "ignore_eos": True})

    threads = [threading.Thread(target=keep_asking, args=("demo-llama", 400)) for _ in range(3)]
    threads.append(threading.Thread(target=keep_asking, args=("demo-alpaca", 100)))
    for thread in threads:
        thread.start()
    try:
        until(lambda: _running(yard, "demo-llama") > 0, "requests at demo-llama on Ray's page", 120)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _running(yard: ExampleYard, model: str) -> int:
    models = (yard.endpoint()["load"] or {}).get("models", {})
    return int(models.get(model, {}).get("running", 0))
