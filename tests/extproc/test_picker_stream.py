"""The endpoint picker's stream, message by message."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from ext_proc_yard import (
    BUFFERED,
    FULL_DUPLEX,
    GET,
    MANIFEST,
    NO_BODIES,
    OK_JSON,
    OK_SSE,
    PARTIAL,
    POOL,
    POST,
    STREAMED,
    UNPROMPTED,
    A,
    B,
    C,
    Call,
    RecordingStream,
    Yard,
    endpoint,
    http_headers,
    metadata_context,
    pick_of,
    served,
    set_headers,
    snapshot_of,
    subset,
)

from modelyard.http2.grpc import INVALID_ARGUMENT

ASK = b'{"model": "m", "prompt": "hello"}'


def streamed(answers: list[pb.ProcessingResponse], which: str = "request_body") -> tuple[bytes, bool]:
    """Body and end of FULL_DUPLEX_STREAMED answers."""
    pieces = [getattr(answer, which).response.body_mutation.streamed_response for answer in answers]
    assert all(len(piece.body) <= 62_000 for piece in pieces)
    assert not any(piece.end_of_stream for piece in pieces[:-1])
    return b"".join(piece.body for piece in pieces), pieces[-1].end_of_stream


def error_of(answer: pb.ProcessingResponse) -> tuple[int, dict[str, Any], dict[str, str]]:
    immediate = answer.immediate_response
    return immediate.status.code, json.loads(immediate.body)["error"], set_headers(immediate.headers)


# ── request, by mode ──


@pytest.mark.parametrize("config", [FULL_DUPLEX, None], ids=["said", "unsaid"])
def test_full_duplex_holds_the_headers_until_the_body_is_whole(yard: Yard, config: Any) -> None:
    call = yard.call()
    assert call.headers(protocol_config=config) == []
    assert call.body(ASK[:10], end=False) == []
    first, *rest = call.body(ASK[10:])
    picked = pick_of(first)
    assert sorted(picked) == sorted([A, B, C])
    assert set_headers(first.request_headers.response.header_mutation)["content-length"] == str(len(ASK))
    assert streamed(rest) == (ASK, True)
    assert yard.in_flight() == {picked[0]: 1}
    call.handler.on_half_close()
    assert call.stream.status == 0
    yard.at_rest()


def test_a_large_body_goes_back_in_pieces_of_62000_bytes(yard: Yard) -> None:
    body = json.dumps({"model": "m", "prompt": "x" * 1_000_000}).encode()
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    answers: list[pb.ProcessingResponse] = []
    for at in range(0, len(body), 65536):
        answers += call.body(body[at : at + 65536], end=at + 65536 >= len(body))
    assert streamed(answers[1:]) == (body, True)


def test_pieces_go_as_the_proxy_takes_them(yard: Yard) -> None:
    body = json.dumps({"model": "m", "prompt": "x" * 500_000}).encode()
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.stream.room = 3
    answers = call.body(body)
    assert len(answers) == 3
    assert yard.picker.held_bodies == len(body)
    call.handler.on_half_close()
    while call.stream.status is None:
        call.stream.room = 2
        call.handler.on_writable()
        answers += call.stream.answers()
    assert streamed(answers[1:]) == (body, True)
    yard.at_rest()


def test_a_request_without_body_is_picked_like_any_other(yard: Yard) -> None:
    yard.fleet(endpoint(A, waiting=50), endpoint(B), endpoint(C, waiting=50))
    for config in (FULL_DUPLEX, STREAMED, BUFFERED, None):
        (answer,) = yard.call().headers(*GET, end=True, protocol_config=config)
        assert pick_of(answer)[0] == B
        assert "content-length" not in set_headers(answer.request_headers.response.header_mutation)


def test_buffered_is_answered_twice(yard: Yard) -> None:
    call = yard.call()
    (first,) = call.headers(protocol_config=BUFFERED)
    assert first == pb.ProcessingResponse(request_headers=pb.HeadersResponse(response=pb.CommonResponse()))
    (second,) = call.body(ASK)
    assert len(pick_of(second)) == 3
    assert not second.request_body.response.HasField("body_mutation")


def test_no_body_shown_is_picked_at_once(yard: Yard) -> None:
    (answer,) = yard.call().headers(protocol_config=NO_BODIES)
    assert len(pick_of(answer)) == 3


def test_streamed_is_picked_once_though_its_body_comes_whole(yard: Yard) -> None:
    """The request may be on its way to the first of them: never two values for one request (004, "MUST not")."""
    for _ in range(20):
        call = yard.call()
        first, *_ = pick_of(call.headers(protocol_config=STREAMED)[0])
        (second,) = call.body(ASK)
        assert second == pb.ProcessingResponse(request_body=pb.BodyResponse(response=pb.CommonResponse()))
        assert yard.in_flight() == {first: 1}
        call.handler.on_cancelled()
    yard.at_rest()


def test_streamed_is_picked_again_where_the_first_has_not_the_model(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "other"), endpoint(C, "m", "third"))
    for body, left in ((b'{"model": "other"}', B), (b'{"model": "third"}', C)):
        for _ in range(100):
            call = yard.call()
            if pick_of(call.headers(protocol_config=STREAMED)[0])[0] != left:
                break
            call.handler.on_cancelled()
        else:
            pytest.fail(f"every one of them was picked at {left}")
        (second,) = call.body(body)
        assert pick_of(second) == [left]
        assert yard.in_flight() == {left: 1}
        call.handler.on_cancelled()


def test_streamed_keeps_the_first_and_drops_fallbacks_without_the_model(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m", "other"), endpoint(B, "m", waiting=50), endpoint(C, "m", waiting=50))
    call = yard.call()
    assert len(pick_of(call.headers(protocol_config=STREAMED)[0])) == 3
    assert pick_of(call.body(b'{"model": "other"}')[0]) == [A]
    assert yard.in_flight() == {A: 1}


def test_streamed_is_picked_again_where_the_subset_comes_with_the_body(yard: Yard) -> None:
    yard.fleet(endpoint(A), endpoint(B, waiting=50))
    call = yard.call()
    assert pick_of(call.headers(protocol_config=STREAMED)[0])[0] == A
    whole = pb.HttpBody(body=ASK, end_of_stream=True)
    assert pick_of(call.say(request_body=whole, metadata_context=subset([B]))[0]) == [B]
    assert yard.in_flight() == {B: 1}


def test_streamed_body_that_comes_whole_is_known_to_the_endpoint(yard: Yard) -> None:
    """So that what follows with the same prefix goes there."""
    body = json.dumps({"model": "m", "prompt": "a long beginning " * 500}).encode()
    call = yard.call()
    first, *_ = pick_of(call.headers(protocol_config=STREAMED)[0])
    call.body(body)
    call.handler.on_cancelled()
    for _ in range(10):
        again = yard.call()
        again.headers(protocol_config=BUFFERED)
        assert pick_of(again.body(body)[0])[0] == first
        again.handler.on_cancelled()


@pytest.mark.parametrize("config", [FULL_DUPLEX, STREAMED, UNPROMPTED, BUFFERED, PARTIAL])
def test_a_pick_is_counted_when_it_is_made(yard: Yard, config: Any) -> None:
    """With its model and the size of its body; the rest once the request is over."""
    call = yard.call()
    call.headers(protocol_config=config)
    assert yard.picks == []
    call.body(ASK)
    (record,) = yard.picks
    assert (record.model, record.sized, record.request_bytes) == ("m", True, len(ASK))
    assert yard.records == []
    call.response(end=True)
    assert (yard.picks, yard.records) == ([record], [record])


def test_a_pick_whose_body_passes_is_counted_by_its_model(yard: Yard) -> None:
    call = yard.call()
    call.headers(protocol_config=STREAMED)
    call.body(ASK[:20], end=False)
    call.body(ASK[20:])
    assert yard.picks == []
    call.response(end=True)
    (record,) = yard.picks
    assert (record.model, record.sized, record.request_bytes) == ("m", True, len(ASK))


def test_a_pick_whose_body_is_not_shown_is_counted_when_it_is_made(yard: Yard) -> None:
    yard.call().headers(protocol_config=NO_BODIES)
    yard.call().headers(*POST, ("x-gateway-model-name", "m"), protocol_config=STREAMED)
    yard.call().headers(*GET, end=True)
    assert [record.model for record in yard.picks] == ["", "m", ""]


@pytest.mark.parametrize("config", [FULL_DUPLEX, STREAMED, BUFFERED])
def test_what_is_refused_is_no_pick(yard: Yard, config: Any) -> None:
    call = yard.call()
    call.headers(protocol_config=config)
    (answer,) = call.body(b"{}")
    assert answer.immediate_response.status.code == 400
    assert (yard.picks, len(yard.records)) == ([], 1)


def test_streamed_is_refused_though_it_was_picked(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "other"))
    call = yard.call()
    (first,) = call.headers(protocol_config=STREAMED)
    pick_of(first)
    assert sum(yard.in_flight().values()) == 1
    (second,) = call.body(b'{"model": 7}')
    assert second.immediate_response.status.code == 400
    yard.at_rest()


def test_streamed_in_pieces_passes(yard: Yard) -> None:
    call = yard.call()
    pick_of(call.headers(protocol_config=STREAMED)[0])
    for data, end in ((ASK[:9], False), (ASK[9:], True)):
        (answer,) = call.body(data, end=end)
        assert answer == pb.ProcessingResponse(request_body=pb.BodyResponse(response=pb.CommonResponse()))


def test_streamed_without_waiting_holds_everything(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "other"))
    call = yard.call()
    assert call.headers(protocol_config=UNPROMPTED) == []
    assert call.body(b'{"model": ', end=False) == []
    first, *rest = call.body(b'"other"}')
    assert pick_of(first) == [B]
    assert len(rest) == 2
    assert all(answer.HasField("request_body") for answer in rest)


def test_streamed_without_waiting_keeps_no_proxy_waiting_for_long(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "other"))
    call = yard.call()
    call.headers(protocol_config=UNPROMPTED)
    first, second = call.body(b'{"model": "other", "prompt": "' + b"x" * 30_000, end=False)
    assert pick_of(first) == [B]
    assert second.HasField("request_body")
    (third,) = call.body(b'"}')
    assert third.HasField("request_body")


@pytest.mark.parametrize("end", [True, False])
def test_buffered_partial_is_picked_by_what_is_shown(yard: Yard, end: bool) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "other"))
    call = yard.call()
    call.headers(protocol_config=PARTIAL)
    (answer,) = call.body(b'{"model": "other", "prompt": "x"}'[: None if end else 25], end=end)
    assert pick_of(answer) == [B]


def test_a_proxy_that_waits_and_says_nothing_is_prompted(yard: Yard) -> None:
    call = yard.call()
    assert call.headers() == []
    ((seconds, _),) = yard.alarms.pending
    assert seconds < 0.2
    yard.alarms.ring()
    pick_of(call.stream.answers()[0])
    (answer,) = call.body(ASK)
    assert answer == pb.ProcessingResponse(request_body=pb.BodyResponse(response=pb.CommonResponse()))
    call.response()
    (answer,) = call.response_body(b"{}")
    assert answer == pb.ProcessingResponse(response_body=pb.BodyResponse(response=pb.CommonResponse()))
    yard.at_rest()


def test_one_body_unasked_shows_that_the_next_may_be_waited_for(yard: Yard) -> None:
    call = yard.call()
    call.headers()
    call.body(ASK)
    waits = yard.call()
    assert waits.headers() == []
    ((seconds, _),) = yard.alarms.pending
    assert seconds > 1
    yard.alarms.ring()
    pick_of(waits.stream.answers()[0])


def test_trailers_end_a_body(yard: Yard) -> None:
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    assert call.body(ASK, end=False) == []
    first, body, trailers = call.say(request_trailers=pb.HttpTrailers())
    pick_of(first)
    assert "content-length" not in set_headers(first.request_headers.response.header_mutation)
    assert streamed([body]) == (ASK, False)
    assert trailers == pb.ProcessingResponse(request_trailers=pb.TrailersResponse())


@pytest.mark.parametrize("config", [FULL_DUPLEX, UNPROMPTED, BUFFERED, PARTIAL, STREAMED, NO_BODIES, None])
def test_trailers_without_body(yard: Yard, config: Any) -> None:
    call = yard.call()
    answers = call.headers(protocol_config=config)
    answers += call.say(request_trailers=pb.HttpTrailers())
    assert [answer.WhichOneof("response") for answer in answers] == ["request_headers", "request_trailers"]
    (picked,) = [answer for answer in answers if answer.HasField("dynamic_metadata")]
    if picked is answers[0]:
        pick_of(picked)
    assert sum(yard.in_flight().values()) == 1
    call.handler.on_half_close()
    assert call.stream.status == 0
    yard.at_rest()


@pytest.mark.parametrize("config", [STREAMED, BUFFERED, PARTIAL, UNPROMPTED])
def test_trailers_after_a_body(yard: Yard, config: Any) -> None:
    call = yard.call()
    answers = call.headers(protocol_config=config)
    answers += call.body(ASK, end=False)
    answers += call.say(request_trailers=pb.HttpTrailers())
    assert [answer.WhichOneof("response") for answer in answers] == [
        "request_headers",
        "request_body",
        "request_trailers",
    ]


# ── subset ──


@pytest.mark.parametrize(
    ("hint", "picked"),
    [
        ([A, C], {A, C}),
        (f"{A},{C}", {A, C}),
        (f" {A} , {C} ", {A, C}),
        (f"{B}", {B}),
        ([C.upper()], {C}),
        ([B, "10.9.9.9:1"], {B}),
        ([B, 7, None, {"a": "b"}], {B}),
        ([f"{A}, {C}"], {A, C}),
        (f"{B},", {B}),
        ([B, B], {B}),
    ],
)
def test_only_the_subset_is_picked_from(yard: Yard, hint: Any, picked: set[str]) -> None:
    for end in (True, False):
        call = yard.call()
        answers = call.headers(end=end, metadata_context=subset(hint))
        answers += [] if end else call.body(ASK)
        assert set(pick_of(answers[0])) == picked


@pytest.mark.parametrize(
    "hint", [[], "", " , ", ["10.0.0.1:9000"], ["10.0.0.1"], "10.0.0.1:80000", 5, None, [[A]], True]
)
@pytest.mark.parametrize("end", [True, False])
def test_a_subset_that_allows_nothing_is_503(yard: Yard, hint: Any, end: bool) -> None:
    call = yard.call()
    answers = call.headers(end=end, metadata_context=subset(hint))
    answers += call.body(ASK) if not answers else []
    status, error, headers = error_of(answers[0])
    assert status == 503
    assert error["code"] == "no_ready_endpoint"
    assert headers["x-llm-d-request-dropped-reason"] == "rejected-no-endpoints"
    assert call.stream.status == 0
    yard.at_rest()


@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED, STREAMED, UNPROMPTED, PARTIAL, None])
def test_the_subset_may_come_with_the_body(yard: Yard, config: Any) -> None:
    for hint, picked in (([B], [B]), ([], [])):
        call = yard.call()
        call.headers(protocol_config=config)
        body = pb.HttpBody(body=ASK, end_of_stream=True)
        first = call.say(request_body=body, metadata_context=subset(hint))[0]
        if picked:
            assert pick_of(first) == picked
        else:
            assert error_of(first)[0] == 503
    call.handler.on_cancelled()


def test_the_last_subset_before_the_pick_counts(yard: Yard) -> None:
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX, metadata_context=subset([A]))
    call.say(request_body=pb.HttpBody(body=ASK[:3]), metadata_context=subset([A]))
    call.say(request_body=pb.HttpBody(body=ASK[3:]), metadata_context=metadata_context(other={"a": "b"}))
    answers = call.say(request_trailers=pb.HttpTrailers(), metadata_context=subset([C]))
    assert pick_of(answers[0]) == [C]


def test_other_metadata_is_no_subset(yard: Yard) -> None:
    metadata = metadata_context(envoy__lb__subset_hint={"else": "x"}, other={"a": {"b": [1, True, None]}})
    assert len(pick_of(yard.call().headers(end=True, metadata_context=metadata)[0])) == 3


# ── refusals ──


def test_no_ready_endpoint_is_503(yard: Yard) -> None:
    yard.fleet(endpoint(A, ready=False))
    status, error, headers = error_of(yard.call().headers(*GET, end=True)[0])
    assert (status, error["type"]) == (503, "server_error")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/completions", "", "/prefix/v1/chat/completions"])
@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"{}", b'{"prompt": "x"}', b'{"model": 5}', b'{"model": "a", "model": "b"}', b"[" * 9999],
)
def test_a_body_that_names_no_model_is_400(yard: Yard, path: str, body: bytes) -> None:
    lines = [line for line in POST if line[0] != ":path"] + ([(":path", path)] if path else [])
    call = yard.call()
    call.headers(*lines, protocol_config=FULL_DUPLEX)
    status, error, _ = error_of(call.body(body)[0])
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert call.stream.status == 0
    yard.at_rest()


def test_a_path_of_no_known_api_says_nothing_of_its_body(yard: Yard) -> None:
    call = yard.call()
    call.headers((":method", "POST"), (":path", "/upload"), protocol_config=FULL_DUPLEX)
    first, *rest = call.body(b"\x00\x01")
    pick_of(first)
    assert streamed(rest) == (b"\x00\x01", True)


@pytest.mark.parametrize(
    "path", ["/v1/load_lora_adapter", "/v1/load%5Flora_adapter", "/x/V1//LOAD_LORA_ADAPTER", "/v1%2Fsleep"]
)
def test_paths_that_control_an_engine_are_refused(yard: Yard, path: str) -> None:
    status, error, _ = error_of(yard.call().headers((":method", "POST"), (":path", path), end=True)[0])
    assert (status, error["code"]) == (404, "path_not_served")


def test_a_model_that_no_endpoint_serves_is_404(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"))
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    status, error, _ = error_of(call.body(b'{"model": "gone"}')[0])
    assert (status, error["code"]) == (404, "model_not_found")


SHEDDABLE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: batch}
spec: {priority: -1, poolRef: {name: pool}}
"""


def test_a_sheddable_request_is_429_while_the_pool_is_full() -> None:
    yard = Yard(MANIFEST + SHEDDABLE)
    yard.fleet(endpoint(A, waiting=500))
    for name in ("x-llm-d-inference-objective", "x-gateway-inference-objective"):
        call = yard.call()
        call.headers(*POST, (name, "batch"), protocol_config=FULL_DUPLEX)
        status, error, headers = error_of(call.body(ASK)[0])
        assert (status, error["code"]) == (429, "saturated")
        assert headers["x-llm-d-request-dropped-reason"] == "rejected-saturated"
        assert int(headers["retry-after"]) > 0
        yard.at_rest()


def test_a_sheddable_request_without_body_is_429_too() -> None:
    yard = Yard(MANIFEST + SHEDDABLE)
    yard.fleet(endpoint(A, waiting=500))
    (answer,) = yard.call().headers(*GET, ("x-llm-d-inference-objective", "batch"), end=True)
    assert error_of(answer)[0] == 429
    pick_of(yard.call().headers(*GET, end=True)[0])


def test_a_body_above_the_limit_is_413() -> None:
    yard = Yard(body_limit=100)
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    assert call.body(b"x" * 99, end=False) == []
    assert error_of(call.body(b"xx")[0])[0] == 413
    yard.at_rest()


def test_a_dialect_of_its_own_has_errors_of_its_own(yard: Yard) -> None:
    call = yard.call()
    call.headers((":method", "POST"), (":path", "/v1/messages"), protocol_config=FULL_DUPLEX)
    assert json.loads(call.body(b"{}")[0].immediate_response.body)["type"] == "error"


# ── a client's own headers ──

FORGED = ["x-gateway-destination-endpoint", "x-gateway-destination-endpoint-subset", "x-prefiller-host-port"]
FORGED += ["x_gateway_destination_endpoint", "x-data-parallel-host-port", "serve_multiplexed_model_id"]


def test_forged_headers_select_nothing_and_are_removed(yard: Yard) -> None:
    yard.fleet(endpoint(A), endpoint(B, waiting=100))
    (answer,) = yard.call().headers(*GET, *((name, B) for name in FORGED), end=True)
    assert pick_of(answer)[0] == A
    mutation = answer.request_headers.response.header_mutation
    assert set(mutation.remove_headers) == set(FORGED) - {"x-gateway-destination-endpoint"}
    assert all(option.append_action == 2 for option in mutation.set_headers)


def test_ray_endpoints_are_told_the_model(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m", engine="ray-serve"))
    call = yard.call()
    call.headers(*POST, ("serve_multiplexed_model_id", "evil"), protocol_config=FULL_DUPLEX)
    mutation = call.body(ASK)[0].request_headers.response.header_mutation
    assert set_headers(mutation)["serve_multiplexed_model_id"] == "m"
    assert list(mutation.remove_headers) == []


PASSTHROUGH = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
metadata: {name: pool}
plugins: [{type: queue-scorer}, {type: passthrough-parser}]
requestHandler: {parsers: [{pluginRef: passthrough-parser}]}
"""


@pytest.mark.parametrize("config", [FULL_DUPLEX, PARTIAL])
def test_bodies_that_are_not_to_be_read_pass(config: Any) -> None:
    yard = Yard(MANIFEST + PASSTHROUGH)
    for body in (b"passthrough", b'{"model": 1}', b""):
        call = yard.call()
        call.headers(protocol_config=config)
        pick_of(call.body(body)[0])
        call.response()
        call.response_body(b"{}")
    yard.at_rest()
    assert {record.model for record in yard.records} == {""}


# ── model rewrite ──

REWRITE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: alias}
spec:
  poolRef: {name: pool}
  rules: [{matches: [{model: {value: m}}], targets: [{modelRewrite: "engine-model-v2", weight: 1}]}]
"""
RENAMED = ASK.replace(b'"m"', b'"engine-model-v2"')


@pytest.fixture
def renaming() -> Yard:
    return Yard(MANIFEST + REWRITE)


def test_rewrite_in_full_duplex(renaming: Yard) -> None:
    call = renaming.call()
    call.headers(*POST, ("accept-encoding", "gzip"), protocol_config=FULL_DUPLEX)
    first, *rest = call.body(ASK)
    mutation = first.request_headers.response.header_mutation
    assert set_headers(mutation)["content-length"] == str(len(RENAMED))
    assert list(mutation.remove_headers) == ["accept-encoding"]
    assert streamed(rest) == (RENAMED, True)
    (head,) = call.response(*OK_JSON, ("content-length", "999"))
    assert list(head.response_headers.response.header_mutation.remove_headers) == ["content-length"]
    answers = call.response_body(b'{"id": "1", "model": "engine-', end=False)
    answers += call.response_body(b'model-v2", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}')
    assert streamed(answers, "response_body") == (
        b'{"id": "1", "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}',
        True,
    )
    (record,) = renaming.records
    assert (record.model, record.target_model, record.input_tokens, record.output_tokens, record.status) == (
        "m",
        "engine-model-v2",
        3,
        4,
        200,
    )


def test_rewrite_buffered(renaming: Yard) -> None:
    call = renaming.call()
    call.headers(protocol_config=BUFFERED)
    (answer,) = call.body(ASK)
    common = answer.request_body.response
    assert common.body_mutation.body == RENAMED
    assert set_headers(common.header_mutation)["content-length"] == str(len(RENAMED))
    (head,) = call.response(*OK_JSON, ("content-length", "33"))
    assert list(head.response_headers.response.header_mutation.remove_headers) == []
    (answer,) = call.response_body(b'{"model": "engine-model-v2"}')
    common = answer.response_body.response
    assert common.body_mutation.body == b'{"model": "m"}'
    assert set_headers(common.header_mutation)["content-length"] == "14"


@pytest.mark.parametrize("hint", [True, False])
def test_rewrite_streamed(renaming: Yard, hint: bool) -> None:
    call = renaming.call()
    lines = [*POST, ("content-length", "33"), *([("x-gateway-model-name", "m")] if hint else [])]
    (head,) = call.headers(*lines, protocol_config=STREAMED)
    assert ("content-length" in head.request_headers.response.header_mutation.remove_headers) == hint
    out = b""
    for data, end in ((ASK[:14], False), (ASK[14:20], False), (ASK[20:], True)):
        (answer,) = call.body(data, end=end)
        common = answer.request_body.response
        out += common.body_mutation.body if common.HasField("body_mutation") else data
    assert out == RENAMED
    call.response(*OK_SSE)
    shown = b""
    event = b'data: {"model": "engine-model-v2", "choices": []}\n\n'
    for data, end in ((event[:30], False), (event[30:] + event, False), (b"data: [DONE]\n\n", True)):
        (answer,) = call.response_body(data, end=end)
        common = answer.response_body.response
        shown += common.body_mutation.body if common.HasField("body_mutation") else data
    assert shown == event.replace(b"engine-model-v2", b"m") * 2 + b"data: [DONE]\n\n"


def test_rewrite_streamed_in_one_piece(renaming: Yard) -> None:
    call = renaming.call()
    call.headers(protocol_config=STREAMED)
    (answer,) = call.body(ASK)
    assert answer.request_body.response.body_mutation.body == RENAMED
    mutation = answer.request_body.response.header_mutation
    assert (set_headers(mutation), list(mutation.remove_headers)) == ({}, ["content-length"])
    assert not answer.HasField("dynamic_metadata")


def test_rewrite_unprompted(renaming: Yard) -> None:
    call = renaming.call()
    call.headers(protocol_config=UNPROMPTED)
    call.body(ASK[:7], end=False)
    _, first, second = call.body(ASK[7:])
    assert first.request_body.response.body_mutation.body == RENAMED
    assert second.request_body.response.body_mutation.body == b""
    assert second.request_body.response.HasField("body_mutation")


def test_rewrite_partial(renaming: Yard) -> None:
    call = renaming.call()
    call.headers(protocol_config=PARTIAL)
    (answer,) = call.body(ASK[:20], end=False)
    common = answer.request_body.response
    assert common.body_mutation.body + ASK[20:] == RENAMED
    assert list(common.header_mutation.remove_headers) == ["content-length"]


@pytest.mark.parametrize("name", ["x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite"])
@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED, STREAMED])
def test_a_header_forces_the_model(yard: Yard, name: str, config: Any) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "engine-model-v2"))
    call = yard.call()
    answers = call.headers(*POST, (name, "engine-model-v2"), protocol_config=config)
    answers += call.body(ASK)
    assert [pick_of(answer) for answer in answers if answer.HasField("dynamic_metadata")][-1] == [B]
    mutation = answers[-1].request_body.response.body_mutation
    assert (mutation.streamed_response.body if config is FULL_DUPLEX else mutation.body) == RENAMED
    call.response()
    common = call.response_body(b'{"model": "engine-model-v2"}')[0].response_body.response
    shown = common.body_mutation
    assert (shown.streamed_response.body if config is FULL_DUPLEX else shown.body) == b'{"model": "m"}'
    record = yard.records[0]
    assert (record.model, record.target_model) == ("m", "engine-model-v2")


def forced(yard: Yard, *lines: tuple[str, str]) -> bytes:
    call = yard.call()
    call.headers(*POST, *lines, protocol_config=FULL_DUPLEX)
    return streamed(call.body(ASK)[1:])[0]


def test_which_word_about_the_model_counts(yard: Yard, renaming: Yard) -> None:
    new, old = "x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite"
    assert b'"b"' in forced(yard, (old, "a"), (new, "b"))
    assert b'"a"' in forced(yard, (new, "a"), (new, "b"))
    assert b'"a"' in forced(yard, (new, ""), (old, "a"))
    assert forced(yard, (new, "m")) == ASK
    assert forced(yard, (new, "x" * 2000)) == ASK
    assert forced(renaming, (new, "other")) == RENAMED


def test_a_forced_model_that_no_endpoint_serves_is_404(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"))
    call = yard.call()
    call.headers(*POST, ("x-llm-d-model-name-rewrite", "gone"), protocol_config=FULL_DUPLEX)
    assert error_of(call.body(ASK)[0])[0] == 404


# ── the answer ──


def asked(yard: Yard, config: Any = FULL_DUPLEX) -> tuple[Call, list[str]]:
    call = yard.call()
    answers = call.headers(protocol_config=config)
    answers += call.body(ASK)
    answer = next(a for a in answers if a.HasField("dynamic_metadata"))
    return call, pick_of(answer)


def test_events_go_back_one_by_one_and_are_counted(yard: Yard) -> None:
    call, picked = asked(yard)
    (head,) = call.response(*OK_SSE)
    assert head == pb.ProcessingResponse(response_headers=pb.HeadersResponse(response=pb.CommonResponse()))
    events = [b'data: {"choices": [{"text": "a"}]}\n\n'] * 3
    events.append(b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n')
    yard.now = 101.5
    for event in events:
        assert streamed(call.response_body(event, end=False), "response_body") == (event, False)
    assert yard.in_flight() == {picked[0]: 1}
    assert streamed(call.response_body(b"data: [DONE]\n\n"), "response_body") == (b"data: [DONE]\n\n", True)
    yard.at_rest()
    (record,) = yard.records
    assert (record.input_tokens, record.output_tokens, record.time_to_first_byte) == (7, 3, 1.5)
    assert record.response_bytes == sum(map(len, events)) + 14
    assert (record.reason, record.endpoint) == ("", picked[0])
    call.handler.on_half_close()
    assert len(yard.records) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_counts_whose_status_and_type_are_not_shown(renaming: Yard, stream: bool) -> None:
    call = renaming.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(b'{"model": "m", "prompt": "x", "stream": true}' if stream else ASK)
    call.response(("x-request-id", "1"))
    event = b'{"model": "engine-model-v2", "usage": {"prompt_tokens": 7, "completion_tokens": 3}}'
    event = b"data: " + event + b"\n\n" if stream else event
    shown = streamed(call.response_body(event), "response_body")
    assert shown == (event.replace(b"engine-model-v2", b"m"), True)
    (record,) = renaming.records
    assert (record.status, record.reason, record.input_tokens, record.output_tokens) == (200, "", 7, 3)


def test_an_answer_without_body_ends_with_its_headers(yard: Yard) -> None:
    call, _ = asked(yard)
    call.response((":status", "204"), end=True)
    yard.at_rest()
    assert yard.records[0].status == 204


def test_answers_may_have_trailers(yard: Yard) -> None:
    call, _ = asked(yard)
    call.response()
    assert streamed(call.response_body(b"{}", end=False), "response_body") == (b"{}", False)
    (answer,) = call.say(response_trailers=pb.HttpTrailers())
    assert answer == pb.ProcessingResponse(response_trailers=pb.TrailersResponse())
    yard.at_rest()


@pytest.mark.parametrize("config", [STREAMED, BUFFERED, PARTIAL])
@pytest.mark.parametrize("content_type", ["audio/mpeg", "text/plain"])
def test_a_body_that_nobody_reads_is_not_asked_for(yard: Yard, config: Any, content_type: str) -> None:
    call, _ = asked(yard, config)
    (answer,) = call.response((":status", "200"), ("content-type", content_type))
    assert answer.mode_override.response_body_mode == 0
    assert answer.mode_override.response_header_mode == 1
    assert answer.mode_override.response_trailer_mode == 1
    call.handler.on_half_close()
    yard.at_rest()
    assert yard.records[0].reason == ""


@pytest.mark.parametrize("obeys", [True, False])
def test_an_event_stream_is_not_to_be_collected(renaming: Yard, obeys: bool) -> None:
    call, _ = asked(renaming, BUFFERED)
    (answer,) = call.response(*OK_SSE)
    assert answer.mode_override.response_body_mode == 1
    assert answer.mode_override.request_body_mode == 2
    event = b'data: {"model": "engine-model-v2"}\n\n'
    wanted = event.replace(b"engine-model-v2", b"m")
    for data, end in ((event, False), (event, True)) if obeys else ((event * 2, True),):
        (answer,) = call.response_body(data, end=end)
        assert answer.response_body.response.body_mutation.body == wanted * (len(data) // len(event))
    renaming.at_rest()


@pytest.mark.parametrize("config", [FULL_DUPLEX, UNPROMPTED, NO_BODIES])
def test_modes_that_cannot_be_overridden_are_left(yard: Yard, config: Any) -> None:
    call = yard.call()
    call.headers(protocol_config=config)
    if config is not NO_BODIES:
        call.body(ASK)
    (answer,) = call.response((":status", "200"), ("content-type", "audio/mpeg"))
    assert not answer.HasField("mode_override")


def test_served_elsewhere_moves_the_count_and_the_prefix(yard: Yard) -> None:
    prompt = {"model": "m", "prompt": "once upon a time " * 200}
    body = json.dumps(prompt).encode()
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    picked = pick_of(call.body(body)[0])
    call.response(metadata_context=served(picked[1]))
    assert yard.in_flight() == {picked[1]: 1}
    assert yard.failures == [(picked[0], "reset")]
    call.response_body(b"{}")
    yard.at_rest()
    assert yard.records[0].endpoint == picked[1]
    yard.now += 60.0
    for _ in range(5):
        again = yard.call()
        again.headers(protocol_config=FULL_DUPLEX)
        assert pick_of(again.body(body)[0])[0] == picked[1]
        again.handler.on_cancelled()


@pytest.mark.parametrize("address", ["", "nonsense", "10.0.0.1", "10.0.0.77:8000"])
def test_served_by_an_unknown_endpoint(yard: Yard, address: str) -> None:
    call, picked = asked(yard)
    call.response(metadata_context=served(address))
    known = address == "10.0.0.77:8000"
    assert yard.in_flight() == {address if known else picked[0]: 1}
    assert yard.failures == []
    call.handler.on_cancelled()
    yard.at_rest()


def test_a_404_for_a_known_adapter_is_told(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m", "lora<m"), endpoint(B, "m"))
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    assert pick_of(call.body(b'{"model": "lora"}')[0]) == [A]
    call.response((":status", "404"), ("content-type", "application/json"))
    assert yard.missing == [(A, "lora")]


def test_an_answer_of_the_proxy_itself_ends_an_undecided_request(yard: Yard) -> None:
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(ASK, end=False)
    (answer,) = call.response((":status", "413"))
    assert answer.HasField("response_headers")
    assert call.response_body(b"too large")
    yard.at_rest()
    assert (yard.records[0].status, yard.records[0].endpoint) == (413, "")


# ── order, ends, faults ──


@pytest.mark.parametrize(
    "steps",
    [
        ["headers", "headers"],
        ["headers", "body", "body"],
        ["headers", "trailers", "trailers"],
        ["headers", "body", "trailers"],
        ["headers-end", "body"],
    ],
)
def test_what_cannot_follow_ends_the_stream_with_an_error(yard: Yard, steps: list[str]) -> None:
    call = yard.call()
    for step in steps:
        assert call.stream.status is None
        match step:
            case "headers":
                call.headers(protocol_config=FULL_DUPLEX)
            case "headers-end":
                call.headers(end=True)
            case "body":
                call.body(ASK)
            case "trailers":
                call.say(request_trailers=pb.HttpTrailers())
    assert call.stream.status == INVALID_ARGUMENT
    yard.at_rest()


def test_what_is_no_message_ends_the_stream_with_an_error(yard: Yard) -> None:
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.handler.on_message(b"\x22\xff\xff\xff\xff")
    assert call.stream.status == INVALID_ARGUMENT
    yard.at_rest()


def test_phases_without_a_request_pass(yard: Yard) -> None:
    call = yard.call()
    assert call.response()[0].HasField("response_headers")
    assert streamed(call.response_body(b"x", end=False), "response_body") == (b"x", False)
    assert call.say(response_trailers=pb.HttpTrailers())[0].HasField("response_trailers")
    assert call.say() == []
    call.handler.on_half_close()
    assert call.stream.status == 0


@pytest.mark.parametrize(("shown", "counted"), [("204", 204), ("9" * 30, 200), ("9" * 5000, 200), ("٣٣٣", 200)])
def test_a_status_has_three_digits(yard: Yard, shown: str, counted: int) -> None:
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(ASK)
    assert call.response((":status", shown), end=True)[0].HasField("response_headers")
    call.handler.on_half_close()
    assert yard.records[0].status == counted


@pytest.mark.parametrize("config", [BUFFERED, STREAMED, FULL_DUPLEX, PARTIAL, UNPROMPTED, NO_BODIES, None])
def test_a_body_whose_headers_are_not_shown(yard: Yard, config: Any) -> None:
    call = yard.call()
    (answer,) = call.say(request_body=pb.HttpBody(body=ASK, end_of_stream=True), protocol_config=config)
    assert pick_of(answer)[0] in yard.in_flight()
    if config is FULL_DUPLEX:
        assert streamed([answer]) == (ASK, True)
    else:
        assert not answer.request_body.response.HasField("body_mutation")


@pytest.mark.parametrize("waits", [True, False])
def test_a_buffered_body_alone_whose_end_is_not_said(yard: Yard, renaming: Yard, waits: bool) -> None:
    for one, body in ((yard, None), (renaming, RENAMED)):
        call = one.call()
        assert call.say(request_body=pb.HttpBody(body=ASK)) == []
        one.alarms.ring() if waits else call.handler.on_half_close()
        (answer,) = call.stream.answers()
        pick_of(answer)
        common = answer.request_body.response
        assert common.clear_route_cache
        assert (common.body_mutation.body if common.HasField("body_mutation") else None) == body
        assert not one.picker.bodies_come_unasked


def test_a_piece_of_a_body_alone_is_answered(yard: Yard) -> None:
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", "other"))
    call = yard.call()
    assert call.say(request_body=pb.HttpBody(body=b'{"model": "other", "prompt": {"x": 1}')) == []
    yard.alarms.ring()
    assert pick_of(call.stream.answers()[0]) == [B]
    (answer,) = call.body(b"}")
    assert answer == pb.ProcessingResponse(request_body=pb.BodyResponse(response=pb.CommonResponse()))
    assert not yard.alarms.pending


@pytest.mark.parametrize("config", [FULL_DUPLEX, None])
def test_the_pick_is_in_the_first_piece_where_no_headers_are_shown(yard: Yard, config: Any) -> None:
    body = json.dumps({"model": "m", "prompt": "x" * 70_000}).encode()
    call = yard.call()
    assert call.say(request_body=pb.HttpBody(body=body[:9]), protocol_config=config) == []
    answers = call.body(body[9:], end=False)
    answers += call.say(request_trailers=pb.HttpTrailers())
    pick_of(answers[0])
    assert not answers[1].HasField("dynamic_metadata")
    assert streamed(answers[:2]) == (body, False)
    assert answers[2] == pb.ProcessingResponse(request_trailers=pb.TrailersResponse())


@pytest.mark.parametrize("config", [BUFFERED, STREAMED, FULL_DUPLEX, PARTIAL, UNPROMPTED, NO_BODIES, None])
def test_trailers_alone_carry_the_pick(yard: Yard, config: Any) -> None:
    call = yard.call()
    (answer,) = call.say(request_trailers=pb.HttpTrailers(), protocol_config=config)
    assert answer.HasField("request_trailers")
    picked = answer.dynamic_metadata["envoy.lb"]["x-gateway-destination-endpoint"].split(",")
    assert yard.in_flight() == {picked[0]: 1}
    call.handler.on_half_close()
    yard.at_rest()


@pytest.mark.parametrize("steps", range(5))
@pytest.mark.parametrize("end", ["cancelled", "half-close"])
@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED, STREAMED, PARTIAL, UNPROMPTED, NO_BODIES, None])
def test_a_stream_may_end_anywhere(yard: Yard, config: Any, end: str, steps: int) -> None:
    call = yard.call()
    script = [
        lambda: call.headers(protocol_config=config),
        lambda: config is NO_BODIES or call.body(ASK),
        lambda: call.response(),
        lambda: config is NO_BODIES or call.response_body(b"{", end=False),
    ]
    for step in script[:steps]:
        step()
    if end == "cancelled":
        call.handler.on_cancelled()
    else:
        call.handler.on_half_close()
        assert call.stream.status == 0
    yard.at_rest()
    assert len(yard.records) == min(1, steps)
    if steps == 4 and config is not NO_BODIES:
        assert yard.records[0].reason == "client_gone"


def test_requests_that_are_only_shown_are_not_answered(yard: Yard) -> None:
    call = yard.call()
    assert call.headers(end=True, observability_mode=True) == []
    call.handler.on_half_close()
    yard.at_rest()


@pytest.mark.parametrize("fails_open", [True, False])
def test_a_fault_is_one_request_s(fails_open: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelyard.picking.scheduler import Scheduler

    mode = "FailOpen" if fails_open else "FailClose"
    yard = Yard(MANIFEST.replace("{number: 9002}}", f"{{number: 9002}}, failureMode: {mode}}}"))

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Scheduler, "pick", broken)
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    answers = call.body(ASK)
    if fails_open:
        assert not answers[0].HasField("dynamic_metadata")
        assert streamed(answers[1:]) == (ASK, True)
    else:
        assert error_of(answers[0])[0] == 500
    call.handler.on_cancelled()
    yard.at_rest()


@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED, STREAMED])
def test_what_a_client_forged_never_passes_where_a_fault_lets_it_go_on(
    config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway whose cluster follows the header would go where the client says."""
    from modelyard.picking.scheduler import Scheduler

    yard = Yard(MANIFEST.replace("{number: 9002}}", "{number: 9002}, failureMode: FailOpen}"))

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(Scheduler, "pick", broken)
    call = yard.call()
    forged = ("x-gateway-destination-endpoint", "169.254.169.254:80")
    answers = [*call.headers(*POST, forged, protocol_config=config), *call.body(ASK)]
    named = [
        name
        for answer in answers
        for side in (answer.request_headers, answer.request_body)
        for name in side.response.header_mutation.remove_headers
    ]
    assert forged[0] in named
    assert not any(answer.HasField("immediate_response") for answer in answers)
    call.handler.on_cancelled()
    yard.at_rest()


# ── waiting ──

FLOW = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
metadata: {name: pool}
featureGates: [flowControl]
plugins: [{type: queue-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
flowControl: {defaultRequestTTL: 30s}
"""


@pytest.fixture
def queueing() -> Yard:
    yard = Yard(MANIFEST + FLOW)
    yard.fleet(endpoint(A, waiting=500))
    return yard


@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED])
def test_a_queued_request_goes_on_when_there_is_room(queueing: Yard, config: Any) -> None:
    call = queueing.call()
    call.headers(protocol_config=config)
    answers = call.body(ASK)
    if config is FULL_DUPLEX:
        assert answers == []
    else:
        assert answers[0].override_message_timeout.seconds >= 30
        assert not answers[0].WhichOneof("response")
    call.handler.on_half_close()
    assert call.stream.status is None
    queueing.fleet(endpoint(A))
    queueing.now += 1
    queueing.gateway.step(queueing.now)
    pick_of(call.stream.answers()[0])
    assert call.stream.status == 0
    queueing.at_rest()
    assert queueing.records[0].queued == 1.0


@pytest.mark.parametrize("queued", [1, 2, 3], ids=lambda count: f"{count}-before")
def test_a_body_that_begins_while_its_request_is_queued_is_not_lost(queueing: Yard, queued: int) -> None:
    """The proxy says nothing of its modes, and its client was slow to begin: silence, then a body unasked."""
    call = queueing.call()
    assert call.headers() == []
    queueing.alarms.ring()
    assert call.stream.answers()[0].HasField("override_message_timeout")
    pieces = [(ASK[:3], False), (ASK[3:], False), (b"", True)]
    for body, end in pieces[:queued]:
        assert call.body(body, end) == []
    queueing.fleet(endpoint(A))
    queueing.now += 1
    queueing.gateway.step(queueing.now)
    for body, end in pieces[queued:]:
        assert call.stream.answers() == []
        answers = call.body(body, end)
    head, *body_answers = answers if queued < 3 else call.stream.answers()
    assert pick_of(head) == [A]
    assert streamed(body_answers) == (ASK, True)
    assert queueing.in_flight() == {A: 1}
    assert queueing.picker.held_bodies == 0
    call.response()
    call.response_body(b"{}")
    assert queueing.records[0].model == "m"
    call.handler.on_half_close()
    queueing.at_rest()


def test_a_piece_of_a_body_alone_may_be_queued() -> None:
    yard = Yard(MANIFEST + REWRITE + FLOW)
    yard.fleet(endpoint(A, waiting=500))
    call = yard.call()
    call.say(request_body=pb.HttpBody(body=ASK[:20]))
    yard.alarms.ring()
    (timeout,) = call.stream.answers()
    assert timeout.HasField("override_message_timeout")
    assert call.body(ASK[20:]) == []
    yard.fleet(endpoint(A))
    yard.now += 1
    yard.gateway.step(yard.now)
    first, second = call.stream.answers()
    pick_of(first)
    common = first.request_body.response
    assert common.body_mutation.body + ASK[20:] == RENAMED
    assert list(common.header_mutation.remove_headers) == ["content-length"]
    assert second == pb.ProcessingResponse(request_body=pb.BodyResponse(response=pb.CommonResponse()))
    call.handler.on_cancelled()
    yard.at_rest()


def test_a_silent_client_that_leaves_asks_once(queueing: Yard) -> None:
    call = queueing.call()
    call.headers()
    call.handler.on_half_close()
    assert not queueing.alarms.pending
    call.handler.on_cancelled()
    queueing.at_rest()


def test_a_request_whose_pool_changes_while_its_body_comes_goes_by_the_new_one(queueing: Yard) -> None:
    call = queueing.call()
    call.headers(protocol_config=FULL_DUPLEX)
    queueing.gateway.swap(snapshot_of(MANIFEST + FLOW.replace("30s", "31s")))
    queueing.fleet(endpoint(B, waiting=500))
    assert call.body(ASK) == []
    queueing.fleet(endpoint(B))
    queueing.now += 1
    queueing.gateway.step(queueing.now)
    assert pick_of(call.stream.answers()[0]) == [B]
    assert queueing.in_flight() == {B: 1}
    call.handler.on_cancelled()
    queueing.at_rest()


def test_a_request_whose_pool_goes_while_its_body_comes_ends_where_it_began(queueing: Yard) -> None:
    call = queueing.call()
    call.headers(protocol_config=FULL_DUPLEX)
    queueing.gateway.swap(snapshot_of(MANIFEST.replace("name: pool}", "name: other}")))
    queueing.fleet(endpoint(A, waiting=500))
    assert call.body(ASK) == []
    queueing.now += 31
    queueing.gateway.step(queueing.now)
    assert error_of(call.stream.answers()[0])[0] == 429
    queueing.at_rest()


def test_a_queued_request_is_given_up(queueing: Yard) -> None:
    call = queueing.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(ASK)
    queueing.now += 31
    queueing.gateway.step(queueing.now)
    status, _, headers = error_of(call.stream.answers()[0])
    assert (status, headers["x-llm-d-request-dropped-reason"]) == (429, "rejected-ttl-expired")
    queueing.at_rest()


def test_a_queued_request_may_lose_its_client(queueing: Yard) -> None:
    call = queueing.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(ASK)
    call.handler.on_cancelled()
    queueing.fleet(endpoint(A))
    queueing.gateway.step(queueing.now + 1)
    assert call.stream.answers() == []
    queueing.at_rest()


# ── many pools ──

TWO = """
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: other, namespace: ml}
spec:
  selector: {matchLabels: {app: b}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: other-epp, port: {number: 9002}, failureMode: FailOpen}
"""


@pytest.fixture
def two_pools() -> Yard:
    from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet

    yard = Yard(MANIFEST + TWO)
    other = BackendKey(kind="InferencePool", namespace="ml", name="other")
    backends = {
        POOL: BackendFleet(key=POOL, endpoints=(endpoint(A),), version=2),
        other: BackendFleet(key=other, endpoints=(endpoint(B),), version=2),
    }
    yard.gateway.update_fleet(Fleet(backends=backends, version=2), 100.0)
    return yard


@pytest.mark.parametrize(
    ("metadata", "picked"),
    [
        ({"x-gateway-inference-pool": "ml/other"}, B),
        ({"x-gateway-inference-pool": "other"}, B),
        ({"x-gateway-inference-pool": "default/pool"}, A),
        ({":authority": "other-epp.ml.svc.cluster.local:9002"}, B),
        ({":authority": "pool-epp"}, A),
        ({":authority": "Other.ML:9002"}, B),
    ],
)
def test_the_stream_says_for_which_pool(two_pools: Yard, metadata: dict[str, str], picked: str) -> None:
    assert pick_of(two_pools.call(metadata).headers(*GET, end=True)[0]) == [picked]


def test_the_route_s_metadata_says_for_which_pool(two_pools: Yard) -> None:
    metadata = metadata_context(envoy__lb={"x-gateway-inference-pool": "ml/other"})
    call = two_pools.call({":authority": "pool-epp"})
    assert pick_of(call.headers(*GET, end=True, metadata_context=metadata)[0]) == [B]


@pytest.mark.parametrize("metadata", [{}, {"x-gateway-inference-pool": "gone"}, {":authority": "localhost:9002"}])
def test_a_pool_that_is_not_named_is_503(two_pools: Yard, metadata: dict[str, str]) -> None:
    call = two_pools.call(metadata)
    status, error, _ = error_of(call.headers(*GET, ("x-gateway-inference-pool", "ml/other"), end=True)[0])
    assert (status, error["code"]) == (503, "unknown_pool")
    assert call.stream.status == 0


def test_a_name_in_what_is_not_shown_stays(renaming: Yard) -> None:
    call = renaming.call()
    call.headers(*POST, ("x-gateway-model-name", "m"), protocol_config=PARTIAL)
    (answer,) = call.body(b'{"prompt": "x', end=False)
    pick_of(answer)
    assert not answer.request_body.response.HasField("body_mutation")


def test_pieces_that_come_while_the_request_waits_are_kept() -> None:
    yard = Yard(MANIFEST + REWRITE + FLOW)
    yard.fleet(endpoint(A, waiting=500))
    call = yard.call()
    call.headers(protocol_config=UNPROMPTED)
    long = ASK[:-2] + b"x" * 30_000
    answers = call.body(long[:9], end=False)
    answers += call.body(long[9:], end=False)
    (timeout,) = answers
    assert timeout.HasField("override_message_timeout")
    assert call.body(b'"}') == []
    yard.fleet(endpoint(A))
    yard.now += 1
    yard.gateway.step(yard.now)
    head, *bodies = call.stream.answers()
    pick_of(head)
    came = [long[:9], long[9:], b'"}']
    out = b""
    for data, body in zip(came, bodies, strict=True):
        common = body.request_body.response
        out += common.body_mutation.body if common.HasField("body_mutation") else data
    assert out == (long + b'"}').replace(b'"m"', b'"engine-model-v2"')
    call.handler.on_cancelled()
    yard.at_rest()


@pytest.mark.parametrize("before", [True, False])
def test_streams_that_only_watch_end_cleanly_with_the_process(yard: Yard, before: bool) -> None:
    watching, reading = yard.call(), yard.call()
    watching.headers(protocol_config=NO_BODIES)
    reading.headers(protocol_config=STREAMED)
    reading.body(ASK)
    reading.response(*OK_SSE)
    if before:
        watching.response(*OK_SSE)
        assert sum(yard.in_flight().values()) == 2
    yard.picker.stop_watching()
    if not before:
        assert watching.stream.status is None
        assert watching.response(*OK_SSE)[0].HasField("response_headers")
    assert watching.stream.status == 0
    assert reading.stream.status is None
    assert reading.response_body(b"data: [DONE]\n\n")
    yard.at_rest()
    assert [record.reason for record in yard.records] == ["", ""]


@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED, STREAMED, UNPROMPTED, NO_BODIES, None])
@pytest.mark.parametrize("end", ["half-close", "cancelled", "refused", "answered"])
def test_streams_leave_nothing_to_the_garbage_collector(yard: Yard, config: Any, end: str) -> None:
    messages = [
        pb.ProcessingRequest(request_headers=http_headers(POST), protocol_config=config),
        pb.ProcessingRequest(request_body=pb.HttpBody(body=b"{}" if end == "refused" else ASK, end_of_stream=True)),
        pb.ProcessingRequest(response_headers=http_headers(OK_JSON)),
        pb.ProcessingRequest(response_body=pb.HttpBody(body=b"{}", end_of_stream=True)),
    ]
    data = [message.SerializeToString() for message in messages[: 4 if end == "answered" else 2]]

    def one() -> None:
        stream = RecordingStream()
        handler = yard.picker.open(stream)
        for message in data:
            if stream.status is None:
                handler.on_message(message)
        if stream.status is None:
            handler.on_cancelled() if end == "cancelled" else handler.on_half_close()
        assert handler.ended

    one()
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            one()
        assert gc.collect() < 100
    finally:
        gc.enable()
    yard.at_rest()


def test_a_client_s_own_copies_go_from_trailers(yard: Yard) -> None:
    call = yard.call()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(b'{"model": "m"}', end=False)
    names = ["x-gateway-destination-endpoint", "X-Gateway_Destination_Endpoint", "x-gateway-model-name", "x-other"]
    trailers = pb.HttpTrailers()
    for name in names:
        trailers.trailers.headers.add(key=name, raw_value=b"10.0.0.9:1")
    (*_, last) = call.say(request_trailers=trailers)
    removed = list(last.request_trailers.header_mutation.remove_headers)
    assert removed == [name.lower() for name in names[:3]]


def test_a_proxy_that_buffers_unsaid_gets_plain_answers_back(yard: Yard) -> None:
    call = yard.call()
    call.say(request_body=pb.HttpBody(body=b'{"model": "m"}', end_of_stream=True))
    call.response()
    (answer,) = call.response_body(b"{}")
    assert answer == pb.ProcessingResponse(response_body=pb.BodyResponse(response=pb.CommonResponse()))
