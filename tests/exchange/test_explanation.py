from __future__ import annotations

import random

from modelyard.exchange.explanation import explain_picked
from modelyard.exchange.gateway import Gateway
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.http1.request_parsing import parse_request_head
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: chat}
spec: {selector: {matchLabels: {app: chat}}, targetPorts: [{number: 8000}]}
"""
KEY = BackendKey(kind="InferencePool", namespace="default", name="chat")
HEAD = parse_request_head(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\r\n")


def gateway() -> Gateway:
    resources, _ = ResourceSet.of(load_documents(POOL, "").objects)
    made = Gateway(build_snapshot(resources), random.Random(1))
    states = tuple(
        EndpointState(
            endpoint=Endpoint(address=f"10.0.0.{number}:8000", name=f"chat-{number}", engine="vllm"),
            load=EngineLoad(at=0.0, waiting=number),
            models=(ServedModel(id="m"),),
        )
        for number in (1, 2, 3)
    )
    made.update_fleet(Fleet(backends={KEY: BackendFleet(key=KEY, endpoints=states, version=1)}, version=1), 0.0)
    return made


def test_a_pick_is_explained_and_counts_nothing() -> None:
    made = gateway()
    answer = explain_picked(made, KEY, HEAD, b'{"model": "m", "prompt": "hi"}', 0.0, most_endpoints=2)
    assert answer is not None
    assert answer["picks"] == ["10.0.0.1:8000", "10.0.0.2:8000"]
    assert answer["pick"] == "10.0.0.1:8000"
    assert (answer["route"], answer["backend"], answer["targetModel"]) == (None, "InferencePool/default/chat", "m")
    assert len(answer["why"]["candidates"]) == 3
    assert (made.open_exchanges, made.in_flight()[KEY]) == (0, {})


def test_a_refusal_is_explained() -> None:
    answer = explain_picked(gateway(), KEY, HEAD, b'{"model": "x", "prompt": "hi"}', 0.0, most_endpoints=1)
    assert answer is not None
    assert (answer["answer"]["status"], answer["answer"]["reason"]) == (404, "model_not_found")


def test_no_such_pool() -> None:
    key = BackendKey(kind="InferencePool", namespace="default", name="other")
    assert explain_picked(gateway(), key, HEAD, b"{}", 0.0, most_endpoints=1) is None
