"""Requests as transcripts: what comes in, which command goes out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from modelyard.exchange.commands import Forward, ReadBody, Respond, Wait
from modelyard.exchange.contract import ClientFacts
from modelyard.fleet.fleet import BackendKey
from modelyard.http1.message_heads import ResponseHead

from .conftest import MANIFEST, POOL, Playbook, endpoint, snapshot_of

CHAT = "/v1/chat/completions"


def chat(model: str = "m", **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def error_of(command: object) -> tuple[int, str]:
    assert isinstance(command, Respond)
    return command.status, json.loads(command.body)["error"]["code"]


@pytest.fixture
def two(playbook: Callable[..., Playbook]) -> Playbook:
    book = playbook()
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m", "a<m"), endpoint("10.0.0.2:80", "m")]})
    return book


def test_a_request_is_read_routed_picked_and_released(two: Playbook) -> None:
    exchange, command = two.post(CHAT, chat())
    assert isinstance(command, Forward)
    assert command.address in ("10.0.0.1:80", "10.0.0.2:80")
    assert b"\r\nx-gateway-model-name: m\r\n" in command.head
    assert two.in_flight() == {command.address: 1}
    record = exchange.on_end("done", two.now + 1)
    assert (record.route, record.model, record.attempts, record.duration) == ("default/models", "m", 1, 1.0)
    assert two.in_flight() == {}
    assert exchange.on_end("done", two.now + 2) is record


def test_an_adapter_goes_only_where_it_is_loaded(two: Playbook) -> None:
    picked = {two.post(CHAT, chat("a"))[1].address for _ in range(20)}
    assert picked == {"10.0.0.1:80"}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (CHAT, chat("unknown"), (404, "model_not_found")),
        (CHAT, {"messages": []}, (400, "missing_model")),
        (CHAT, b"{not json", None),
        (CHAT, b"", (400, "invalid_json")),
        (CHAT, {"model": 7, "messages": []}, None),
        (CHAT, b'{"model": "m", "model": "a", "messages": []}', None),
        ("/nowhere", chat(), (404, "no_route")),
        ("/v1/load_lora_adapter", {"lora_name": "x"}, (404, "path_not_served")),
        ("/v1/load%5Flora_adapter", {"lora_name": "x"}, (404, "path_not_served")),
        ("/v1//load_lora_adapter", {"lora_name": "x"}, (404, "path_not_served")),
    ],
)
def test_bad_requests_get_a_clear_answer(
    two: Playbook, path: str, body: object, expected: tuple[int, str] | None
) -> None:
    _, command = two.post(path, body)
    assert isinstance(command, Respond)
    if expected is None:
        assert command.status == 400
        assert json.loads(command.body)["error"]["message"]
    else:
        assert error_of(command) == expected
    assert two.in_flight() == {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"", (400, "invalid_json")), ({"messages": []}, (400, "missing_model")), (chat("x"), (404, "model_not_found"))],
)
def test_routes_by_model_say_what_is_wrong_with_the_model(
    playbook: Callable[..., Playbook], body: object, expected: tuple[int, str]
) -> None:
    matches = "- matches: [{headers: [{name: X-Gateway-Model-Name, value: m}]}]"
    book = playbook(MANIFEST.replace("- matches: [{path: {type: PathPrefix, value: /v1}}]", matches))
    assert error_of(book.post(CHAT, body)[1]) == expected
    assert error_of(book.get("/elsewhere")[1]) == (404, "no_route")


def test_no_ready_endpoint_is_503(two: Playbook) -> None:
    two.fleet({POOL: [endpoint("10.0.0.1:80", "m", ready=False)]})
    assert error_of(two.post(CHAT, chat())[1]) == (503, "no_ready_endpoint")


def test_too_large_a_body_is_413(two: Playbook) -> None:
    exchange = two.open(b"POST /v1/completions HTTP/1.1\r\nhost: gw\r\ncontent-length: 99\r\n\r\n")
    command = exchange.on_head(two.now)
    assert isinstance(command, ReadBody)
    assert error_of(exchange.on_body_too_large()) == (413, "body_too_large")


def test_a_failed_attempt_tries_another_endpoint_and_then_gives_up(two: Playbook) -> None:
    exchange, first = two.post(CHAT, chat())
    second = exchange.on_upstream_failure("connect_refused", True, two.now)
    assert isinstance(second, Forward)
    assert second.address != first.address
    assert two.in_flight() == {second.address: 1}
    last = exchange.on_upstream_failure("reset", True, two.now)
    assert error_of(last) == (502, "upstream_failed")
    assert two.in_flight() == {}
    assert [kind for _, kind in two.failures] == ["connect_refused", "reset"]
    assert exchange.on_end("done", two.now).attempts == 2


@pytest.mark.parametrize(("kind", "status"), [("deadline", 504), ("reset", 502), ("head_timeout", 504)])
def test_what_cannot_be_repeated_is_answered(two: Playbook, kind: str, status: int) -> None:
    exchange, _ = two.post(CHAT, chat())
    command = exchange.on_upstream_failure(kind, False, two.now)
    assert isinstance(command, Respond)
    assert command.status == status


def test_every_attempt_carries_the_same_request_id_and_so_does_the_record(two: Playbook) -> None:
    exchange, first = two.post(CHAT, chat())
    second = exchange.on_upstream_failure("connect_refused", True, two.now)
    ids = {head.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode() for head in (first.head, second.head)}
    assert ids == {exchange.on_end("done", two.now).request_id}
    exchange, command = two.post(CHAT, chat(), "x-request-id: mine")
    assert b"x-request-id: mine\r\n" in command.head
    assert exchange.on_end("done", two.now).request_id == "mine"


def test_an_endpoint_that_just_failed_is_avoided_for_a_while(two: Playbook) -> None:
    exchange, first = two.post(CHAT, chat())
    exchange.on_upstream_failure("connect_refused", True, two.now)
    assert first.address not in {two.post(CHAT, chat())[1].address for _ in range(10)}
    two.now += 10
    for number in range(10):
        two.post(CHAT, chat(messages=[{"role": "user", "content": str(number)}]))
    assert first.address in two.in_flight()


def test_client_headers_never_name_model_or_destination(two: Playbook) -> None:
    _, command = two.post(
        CHAT,
        chat(),
        "x-gateway-model-name: forged",
        "X_Gateway_Destination_Endpoint: 10.9.9.9:1",
        "x-gateway-destination-endpoint-subset: 10.9.9.9:1",
    )
    assert b"forged" not in command.head
    assert b"10.9.9.9" not in command.head


def test_renamed_models_are_asked_and_answered_under_the_right_names(playbook: Callable[..., Playbook]) -> None:
    book = playbook(
        MANIFEST
        + """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: public}
spec:
  modelName: public
  criticality: Critical
  poolRef: {name: pool}
  targetModels: [{name: m, weight: 100}]
"""
    )
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m")]})
    exchange, command = book.post(CHAT, chat("public"), "accept-encoding: gzip")
    assert json.loads(command.body)["model"] == "m"
    assert f"content-length: {len(command.body)}".encode() in command.head
    assert b"accept-encoding" not in command.head
    head = ResponseHead(200, "OK", [("content-type", "application/json")])
    head.by_name = dict(head.headers)
    exchange.on_response_head(head, book.now)
    assert exchange.changes_length
    answer = exchange.on_response_data(b'{"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}')
    answer += exchange.on_response_end()
    assert json.loads(answer)["model"] == "public"
    record = exchange.on_end("done", book.now)
    assert (record.priority, record.model, record.target_model) == (1, "public", "m")
    assert (record.input_tokens, record.output_tokens) == (3, 4)


def test_the_head_of_a_stream_is_held_and_an_attempt_that_ends_there_has_failed(two: Playbook) -> None:
    exchange, first = two.post(CHAT, chat(stream=True))
    head = ResponseHead(200, "OK", [("content-type", "text/event-stream; charset=utf-8")])
    head.by_name = dict(head.headers)
    exchange.on_response_head(head, two.now)
    assert exchange.holds_head
    second = exchange.on_upstream_failure("reset", True, two.now)
    assert isinstance(second, Forward)
    assert second.address != first.address
    head = ResponseHead(400, "Bad Request", [("content-type", "application/json")])
    head.by_name = dict(head.headers)
    exchange.on_response_head(head, two.now)
    assert not exchange.holds_head
    assert exchange.on_end("done", two.now).status == 400


def test_a_broken_stream_ends_visibly(two: Playbook) -> None:
    exchange, _ = two.post(CHAT, chat(stream=True))
    head = ResponseHead(200, "OK", [("content-type", "text/event-stream")])
    head.by_name = dict(head.headers)
    exchange.on_response_head(head, two.now)
    exchange.on_response_data(b'data: {"choices": []}\n\n')
    broken = exchange.on_response_broken()
    assert b"error" in broken
    assert b"[DONE]" not in broken
    assert exchange.on_end("upstream_broken", two.now).reason == "upstream_broken"


SHEDDABLE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: batch}
spec: {priority: -1, poolRef: {name: pool}}
"""


def test_sheddable_requests_are_refused_when_the_pool_is_full(playbook: Callable[..., Playbook]) -> None:
    book = playbook(MANIFEST + SHEDDABLE)
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m", waiting=50, at=book.now)]})
    _, command = book.post(CHAT, chat(), "x-gateway-inference-objective: batch")
    assert error_of(command) == (429, "saturated")
    assert 1 <= int(dict(command.headers)["retry-after"]) <= 60
    assert isinstance(book.post(CHAT, chat())[1], Forward)


QUEUEING = """
---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins: [{type: queue-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
flowControl: {defaultRequestTTL: 30s}
"""


@pytest.fixture
def full(playbook: Callable[..., Playbook]) -> Playbook:
    book = playbook(MANIFEST + QUEUEING)
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m", waiting=50, at=book.now)]})
    return book


def test_a_full_pool_queues_and_lets_go_when_there_is_room(full: Playbook) -> None:
    exchange, command = full.post(CHAT, chat())
    assert isinstance(command, Wait)
    resumed: list[object] = []
    exchange.resume = resumed.append
    full.now += 5
    full.fleet({POOL: [endpoint("10.0.0.1:80", "m", waiting=0, at=full.now)]})
    full.gateway.step(full.now)
    assert [type(item) for item in resumed] == [Forward]
    assert exchange.on_end("done", full.now).queued == 5.0


def test_waiting_ends_with_429(full: Playbook) -> None:
    exchange, _ = full.post(CHAT, chat())
    resumed: list[object] = []
    exchange.resume = resumed.append
    full.now += 31
    full.gateway.step(full.now)
    assert [item.status for item in resumed] == [429]


def test_waiting_for_endpoints_ends_with_503(full: Playbook) -> None:
    full.fleet({POOL: [endpoint("10.0.0.1:80", "m", ready=False)]})
    exchange, command = full.post(CHAT, chat())
    assert isinstance(command, Wait)
    resumed: list[object] = []
    exchange.resume = resumed.append
    full.now += 31
    full.gateway.step(full.now)
    assert error_of(resumed[0]) == (503, "no_ready_endpoint")
    assert ("x-llm-d-request-dropped-reason", "rejected-no-endpoints") in resumed[0].headers
    record = exchange.on_end("done", full.now)
    assert (record.lacked_endpoints, record.queued) == (True, 31.0)


def test_a_full_queue_for_no_endpoints_is_503(playbook: Callable[..., Playbook]) -> None:
    book = playbook(MANIFEST + QUEUEING.replace("30s", "30s, maxRequests: 1"))
    book.post(CHAT, chat())
    exchange, command = book.post(CHAT, chat())
    assert error_of(command) == (503, "no_ready_endpoint")
    record = exchange.on_end("done", book.now)
    assert (record.lacked_endpoints, record.queued) == (True, 0.0)


def test_a_client_that_leaves_the_queue_leaves_nothing(full: Playbook) -> None:
    exchange, _ = full.post(CHAT, chat())
    exchange.on_end("client_gone", full.now)
    state = full.gateway.state_of(POOL)
    assert state is not None
    assert state.waiting == {}
    assert state.admission.queued == 0
    assert full.gateway.open_exchanges == 0


@pytest.mark.parametrize(
    "after",
    [MANIFEST, MANIFEST + QUEUEING.replace("30s", "20s")],
    ids=["the pool has other policies", "the pool queues otherwise"],
)
def test_requests_wait_on_where_they_began_when_their_pool_is_configured_anew(full: Playbook, after: str) -> None:
    exchange, _ = full.post(CHAT, chat())
    resumed: list[object] = []
    exchange.resume = resumed.append
    full.gateway.swap(snapshot_of(after, 2))
    full.now += 5
    full.fleet({POOL: [endpoint("10.0.0.1:80", "m", waiting=0, at=full.now)]})
    full.gateway.step(full.now)
    assert [type(item) for item in resumed] == [Forward]
    assert full.in_flight() == {"10.0.0.1:80": 1}
    exchange.on_end("done", full.now)
    assert full.in_flight() == {}


def test_requests_of_a_pool_that_went_are_counted_until_they_end_and_queued_ones_expire(full: Playbook) -> None:
    exchange, _ = full.post(CHAT, chat())
    resumed: list[object] = []
    exchange.resume = resumed.append
    full.gateway.swap(snapshot_of(MANIFEST.replace("name: pool", "name: other"), 2))
    full.fleet({})
    full.now += 31
    full.gateway.step(full.now)
    assert [item.status for item in resumed] == [429]
    exchange.on_end("done", full.now)
    full.fleet({})
    assert POOL not in full.gateway.in_flight()


def test_the_request_timeout_counts_while_a_request_waits(playbook: Callable[..., Playbook]) -> None:
    timed = MANIFEST.replace("    backendRefs", "    timeouts: {request: 3s}\n    backendRefs") + QUEUEING
    book = playbook(timed)
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m", waiting=50, at=book.now)]})
    exchange, command = book.post(CHAT, chat())
    assert isinstance(command, Wait)
    assert command.deadline == book.now + 3
    assert error_of(exchange.on_upstream_failure("deadline", True, book.now + 3)) == (504, "upstream_timeout")
    exchange.on_end("done", book.now + 3)
    state = book.gateway.state_of(POOL)
    assert state is not None
    assert state.admission.queued == 0


def test_a_snapshot_that_comes_while_a_body_is_on_its_way_decides_alone(two: Playbook) -> None:
    def body_after(manifest: str) -> object:
        exchange = two.open(f"POST {CHAT} HTTP/1.1\r\nhost: gw\r\ncontent-length: 5\r\n\r\n".encode())
        assert isinstance(exchange.on_head(two.now), ReadBody)
        two.gateway.swap(snapshot_of(manifest, 2))
        return exchange.on_body(json.dumps(chat()).encode(), two.now)

    assert isinstance(body_after(MANIFEST), Forward)
    assert error_of(body_after(MANIFEST.replace("value: /v1", "value: /v2"))) == (404, "model_not_found")


def test_the_model_list_is_merged_and_single_models_are_found(two: Playbook) -> None:
    _, command = two.get("/v1/models")
    listed = json.loads(command.body)["data"]
    assert [(item["id"], item["parent"]) for item in listed] == [("a", "m"), ("m", None)]
    assert json.loads(two.get("/v1/models/a")[1].body)["id"] == "a"
    assert error_of(two.get("/v1/models/none")[1]) == (404, "model_not_found")


SERVICE = BackendKey(kind="Service", namespace="default", name="svc", port=80)
BY_HEADER = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: by-model}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{headers: [{name: X-Gateway-Model-Name, value: m}]}]
    backendRefs: [{name: svc, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: svc}
spec: {selector: {app: a}, ports: [{port: 80}]}
"""


def test_routes_match_on_the_model_in_the_body_alone(playbook: Callable[..., Playbook]) -> None:
    book = playbook(BY_HEADER)
    book.fleet({SERVICE: [endpoint("10.0.0.1:80", "m")]})
    assert isinstance(book.post(CHAT, chat("m"))[1], Forward)
    assert error_of(book.post(CHAT, chat("other"), "x-gateway-model-name: m")[1]) == (404, "model_not_found")
    assert error_of(book.get("/anything", "x-gateway-model-name: m")[1]) == (404, "no_route")


def test_ray_is_told_the_model_in_its_own_header(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m", engine="ray-serve")]})
    _, command = book.post(CHAT, chat(), "serve_multiplexed_model_id: forged")
    assert command.head.count(b"serve_multiplexed_model_id") == 1
    assert b"serve_multiplexed_model_id: m\r\n" in command.head


def test_a_new_snapshot_keeps_what_is_open(two: Playbook) -> None:
    exchange, command = two.post(CHAT, chat())
    two.gateway.swap(snapshot_of(MANIFEST, generation=2))
    assert two.in_flight() == {command.address: 1}
    exchange.on_end("done", two.now)
    assert two.in_flight() == {}


def test_explain_scores_every_candidate_and_counts_nothing(two: Playbook) -> None:
    from modelyard.http1.request_parsing import parse_request_head

    body = json.dumps(chat()).encode()
    raw = f"POST {CHAT} HTTP/1.1\r\nhost: gw\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    client = ClientFacts("default/gw:80", "127.0.0.1")
    answer = two.gateway.explain(parse_request_head(raw), body, client, two.now)
    assert answer["pick"] in ("10.0.0.1:80", "10.0.0.2:80")
    assert len(answer["why"]["candidates"]) == 2
    assert {score["policy"] for score in answer["why"]["candidates"][0]["scores"]} >= {"queue-scorer"}
    assert two.in_flight() == {}


SESSIONS = """
---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: session-affinity-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: session-affinity-scorer, weight: 100}]}]
"""


def test_a_session_token_on_the_answer_brings_the_client_back(playbook: Callable[..., Playbook]) -> None:
    book = playbook(MANIFEST + SESSIONS)
    book.fleet({POOL: [endpoint(f"10.0.0.{number}:80", "m") for number in range(1, 9)]})
    exchange, command = book.post(CHAT, chat())
    head = exchange.on_response_head(ResponseHead(200, "OK", []), book.now)
    token = dict(head.headers)["x-session-token"]
    again = {book.post(CHAT, chat(), f"x-session-token: {token}")[1].address for _ in range(10)}
    assert again == {command.address}
