"""What an endpoint and a client get through a proxy in every mode, with bodies in any pieces."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from ext_proc_yard import MANIFEST, A, B, C, Yard, endpoint
from lawful_proxy import BUFFERED, FULL_DUPLEX, NONE, PARTIAL, STREAMED, Message, Proxy, check_length

REWRITE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: alias}
spec:
  poolRef: {name: pool}
  rules: [{matches: [{model: {value: alias}}], targets: [{modelRewrite: "the-real-model", weight: 1}]}]
"""
ROUNDS = 40


@pytest.fixture(scope="module")
def yard() -> Yard:
    yard = Yard(MANIFEST + REWRITE)
    yard.fleet(endpoint(A), endpoint(B), endpoint(C))
    return yard


def ask(rng: random.Random, model: str) -> bytes:
    fields: dict[str, Any] = {"model": model, "prompt": "é" * rng.randrange(200), "stream": True}
    keys = list(fields)
    rng.shuffle(keys)
    return json.dumps({key: fields[key] for key in keys}, ensure_ascii=False).encode()


def answer_of(rng: random.Random, model: str) -> tuple[str, bytes]:
    if rng.random() < 0.5:
        event = json.dumps({"id": 1, "model": model, "choices": []}).encode()
        return "text/event-stream", b"data: " + event + b"\n\ndata: " + event + b"\n\ndata: [DONE]\n\n"
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    return "application/json", json.dumps({"id": 1, "model": model, "usage": usage}).encode()


MODES = [(FULL_DUPLEX, False), (BUFFERED, False), (PARTIAL, False), (STREAMED, False), (STREAMED, True), (NONE, False)]


@pytest.mark.parametrize("model", ["m", "alias"])
@pytest.mark.parametrize("response_mode", [FULL_DUPLEX, BUFFERED, PARTIAL, STREAMED, NONE])
@pytest.mark.parametrize(("request_mode", "unprompted"), MODES)
def test_bodies_arrive(yard: Yard, request_mode: int, unprompted: bool, response_mode: int, model: str) -> None:
    real = "the-real-model" if model == "alias" else model
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        body = ask(rng, model)
        call = yard.call()
        proxy = Proxy(call.say, rng, request_mode, response_mode, unprompted)
        request = Message(
            {":method": "POST", ":path": "/v1/chat/completions", "content-length": str(len(body))},
            body,
            rng.random() < 0.2,
        )
        if request_mode == STREAMED:
            request.headers["x-gateway-model-name"] = model
        proxy.request(request)
        assert proxy.destination.split(",")[0] in (A, B, C)
        renamed = request_mode != NONE
        if request_mode == PARTIAL and real.encode() not in request.body:
            renamed = False  # the name stood in what was not shown
        assert json.loads(request.body)["model"] == (real if renamed else model)
        if request_mode not in (STREAMED, PARTIAL):
            check_length(request, request.body)

        kind, shown = answer_of(rng, real)
        response = Message({":status": "200", "content-type": kind, "content-length": str(len(shown))}, shown)
        response.trailers = kind == "application/json" and rng.random() < 0.2
        proxy.response(response)
        wanted = shown
        if renamed and model == "alias" and response_mode not in (NONE, PARTIAL):
            wanted = shown.replace(b"the-real-model", b"alias")
        if response_mode != PARTIAL:
            assert response.body == wanted
            check_length(response, response.body)
        call.handler.on_half_close()
        assert call.stream.status == 0
    yard.at_rest()


@pytest.mark.parametrize("hint", [True, False])
def test_a_proxy_that_says_nothing(yard: Yard, hint: bool) -> None:
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        body = ask(rng, "alias")
        call = yard.call()
        proxy = Proxy(call.say, rng, FULL_DUPLEX, FULL_DUPLEX, says_modes=False)
        request = Message({":method": "POST", ":path": "/v1/chat/completions"}, body, rng.random() < 0.5)
        proxy.request(request)
        assert json.loads(request.body)["model"] == "the-real-model"
        response = Message({":status": "200", "content-type": "application/json"}, b'{"model": "the-real-model"}')
        proxy.response(response)
        assert response.body == b'{"model": "alias"}'
        call.handler.on_cancelled()
    yard.at_rest()
