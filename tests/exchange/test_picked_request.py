"""Requests that another gateway carries: what is picked, and what an answer tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from modelyard.exchange.commands import Picked, Respond, Wait
from modelyard.exchange.picked_request import PickedRequest
from modelyard.http1.message_heads import RequestHead

from .conftest import MANIFEST, POOL, Playbook, endpoint

A, B, C = "10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"

QUEUEING = f"""{MANIFEST}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {{name: batch}}
spec: {{priority: 0, poolRef: {{name: pool}}}}
---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins: [{{type: queue-scorer}}]
"""


def open_picked(playbook: Playbook, path: str = "/v1/completions", **options: Any) -> PickedRequest:
    fields = {"content-type": "application/json", **options.pop("fields", {})}
    head = RequestHead("POST", path, path, "", 1, "", "", [], fields)
    request = playbook.gateway.open_picked(POOL, head, playbook.now, **{"most_endpoints": 3, **options})
    assert request is not None
    return request


def ask(model: str = "m", **fields: Any) -> bytes:
    return json.dumps({"model": model, **fields}).encode()


@pytest.fixture
def three(playbook: Any) -> Playbook:
    book: Playbook = playbook()
    book.fleet({POOL: [endpoint(A), endpoint(B), endpoint(C)]})
    return book


def picked(command: object) -> list[str]:
    assert isinstance(command, Picked), command
    assert dict(command.set_headers)["x-gateway-destination-endpoint"] == command.targets
    return command.targets.split(",")


def test_a_pool_that_there_is_none_of(three: Playbook) -> None:
    key = replace(POOL, name="gone")
    assert three.gateway.open_picked(key, RequestHead("GET", "/", "/", "", 1, "", "", [], {}), 0.0) is None
    assert three.gateway.open_exchanges == 0


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_the_list_is_as_long_as_was_asked_for(three: Playbook, most: int) -> None:
    request = open_picked(three, most_endpoints=most)
    targets = picked(request.on_request(ask(), three.now))
    assert len(set(targets)) == len(targets) == min(most, 3)
    assert three.in_flight() == {targets[0]: 1}
    request.on_end("done", three.now)
    assert three.in_flight() == {}


def test_fallbacks_stay_within_the_subset(three: Playbook) -> None:
    for _ in range(10):
        request = open_picked(three, within=frozenset({B, C, "10.9.9.9:1"}))
        assert set(picked(request.on_request(ask(), three.now))) == {B, C}
        request.on_end("done", three.now)


@pytest.mark.parametrize("priority", [0, -1])
def test_a_subset_without_a_ready_endpoint_is_refused_at_once_however_full_the_pool_is(
    playbook: Any, priority: int
) -> None:
    book = playbook(QUEUEING.replace("priority: 0", f"priority: {priority}"))
    book.fleet({POOL: [endpoint(A, waiting=50, at=book.now), endpoint(B, ready=False)]})
    for within in ({"10.9.9.9:1"}, {B}):
        request = open_picked(book, within=frozenset(within), fields={"x-llm-d-inference-objective": "batch"})
        command = request.on_request(ask(), book.now)
        assert isinstance(command, Respond)
        assert (command.status, dict(command.headers)["x-llm-d-request-dropped-reason"]) == (
            503,
            "rejected-no-endpoints",
        )
    waits = open_picked(book, within=frozenset({A})).on_request(ask(), book.now)
    assert isinstance(waits, Wait)


def test_the_subset_and_the_places_of_a_model_go_together(three: Playbook) -> None:
    three.fleet({POOL: [endpoint(A, "m", "lora<m"), endpoint(B, "m"), endpoint(C, "m", "lora<m")]})
    command = open_picked(three, within=frozenset({A, B})).on_request(ask("lora"), three.now)
    assert picked(command) == [A]
    refused = open_picked(three, within=frozenset({B})).on_request(ask("lora"), three.now)
    assert isinstance(refused, Respond)
    assert refused.status == 503


def test_fallbacks_call_the_model_by_one_name(three: Playbook) -> None:
    def server(address: str, names: Mapping[str, str]) -> Any:
        return replace(endpoint(address, "m", *(f"{name}<m" for name in names.values())), adapter_names=names)

    states = [server(A, {"lora": "lora@1"}), server(B, {"lora": "lora@2"}), server(C, {"lora": "lora@1"})]
    three.fleet({POOL: states})
    for _ in range(10):
        request = open_picked(three)
        command = request.on_request(ask("lora"), three.now)
        assert isinstance(command, Picked)
        names = {A: "lora@1", B: "lora@2", C: "lora@1"}
        assert {names[target] for target in picked(command)} == {json.loads(command.body or b"")["model"]}
        request.on_end("done", three.now)


def test_an_adapter_that_is_being_loaded_is_waited_for(three: Playbook) -> None:
    three.fleet({POOL: [replace(endpoint(A, "m"), expected=frozenset({"lora"}))]})
    request = open_picked(three)
    commands: list[Any] = []
    request.resume = commands.append
    assert isinstance(request.on_request(ask("lora"), three.now), Wait)
    assert request.longest_wait >= 30
    three.fleet({POOL: [endpoint(A, "m", "lora<m")]})
    assert picked(commands[0]) == [A]


def test_only_the_model_api_where_that_is_asked_for(three: Playbook) -> None:
    for path, status in (("/prefix/v1/completions", 404), ("/health", 404), ("/v1/%63ompletions", 0)):
        command = open_picked(three, path, any_path=False).on_request(ask(), three.now)
        assert (command.status if isinstance(command, Respond) else 0) == status


@pytest.mark.parametrize(
    ("parsers", "path", "status"),
    [
        ("openai-parser", "/v1/chat/completions", 0),
        ("openai-parser", "/tenant/v1/completions", 0),
        ("openai-parser", "/v1/messages", 400),
        ("openai-parser", "/other", 400),
        ("openai-parser, anthropic-parser", "/v1/messages", 0),
        ("openai-parser, passthrough-parser", "/other", 0),
        ("", "/other", 0),
    ],
)
@pytest.mark.parametrize("shown", [True, False])
def test_a_list_of_parsers_takes_their_paths_and_no_others(
    playbook: Any, parsers: str, path: str, status: int, shown: bool
) -> None:
    types = [name for name in parsers.split(", ") if name]
    plugins = "".join(f"- {{type: {name}}}\n" for name in [*types, "queue-scorer"])
    refs = ", ".join(f"{{pluginRef: {name}}}" for name in types)
    handler = f"requestHandler: {{parsers: [{refs}]}}" if types else ""
    kind = "---\napiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n"
    book = playbook(f"{MANIFEST}{kind}plugins:\n{plugins}{handler}\n")
    book.fleet({POOL: [endpoint(A)]})
    command = open_picked(book, path).on_request(ask() if shown else None, book.now)
    assert (command.status if isinstance(command, Respond) else 0) == status


def test_a_hint_counts_where_no_body_is_shown(three: Playbook) -> None:
    three.fleet({POOL: [endpoint(A, "m"), endpoint(B, "other")]})
    request = open_picked(three, fields={"x-gateway-model-name": "other"})
    assert picked(request.on_request(None, three.now)) == [B]


def test_a_hint_that_is_no_name_does_not_count(three: Playbook) -> None:
    three.fleet({POOL: [endpoint(A, "m"), endpoint(B, "mod\u00e8le")]})
    for hint in ("x" * 5000, "a\tb", ""):
        request = open_picked(three, fields={"x-gateway-model-name": hint})
        assert len(picked(request.on_request(None, three.now))) == 2
    request = open_picked(three, fields={"x-gateway-model-name": "mod\u00e8le".encode().decode("latin-1")})
    assert picked(request.on_request(None, three.now)) == [B]


def test_forged_headers_are_removed(three: Playbook) -> None:
    request = open_picked(three, forged=["x-gateway-destination-endpoint", "x-prefiller-host-port"])
    command = request.on_request(ask(), three.now)
    assert isinstance(command, Picked)
    assert command.remove_headers == ["x-prefiller-host-port"]


def test_the_record(three: Playbook) -> None:
    request = open_picked(three, fields={"x-request-id": "abc"})
    targets = picked(request.on_request(ask(stream=True), three.now))
    three.now += 2
    request.on_response_head(200, {"content-type": "text/event-stream"}, "", three.now)
    assert request.streams_events
    assert request.observes
    assert request.on_response_data(b'data: {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}\n\n')
    request.on_response_end()
    three.now += 1
    record = request.on_end("done", three.now)
    assert (record.endpoint, record.status, record.stream, record.request_id) == (targets[0], 200, True, "abc")
    assert (record.time_to_first_byte, record.duration, record.input_tokens) == (2.0, 3.0, 2)
    assert record.backend == str(POOL)
    assert request.on_end("client_gone", three.now) is record


@pytest.mark.parametrize(("served", "told"), [(B, B), ("", "fail: the proxy names no endpoint that served")])
def test_a_conformance_test_is_told_who_served(playbook: Any, served: str, told: str) -> None:
    kind = "---\napiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n"
    plugins = "plugins: [{type: header-based-testing-filter}, {type: destination-endpoint-served-verifier}]\n"
    book = playbook(f"{MANIFEST}{kind}{plugins}")
    book.fleet({POOL: [endpoint(A), endpoint(B)]})
    request = open_picked(book, fields={"test-epp-endpoint-selection": B})
    assert picked(request.on_request(ask(), book.now)) == [B]
    assert request.on_response_head(200, {}, served, book.now) == [("x-conformance-test-served-endpoint", told)]


def test_bodies_that_nobody_reads(three: Playbook) -> None:
    request = open_picked(three)
    request.on_request(ask(), three.now)
    request.on_response_head(200, {"content-type": "audio/mpeg"}, "", three.now)
    assert not request.observes
    assert request.on_response_data(b"x") == b"x"
