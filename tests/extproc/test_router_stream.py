"""The body-based router's stream, message by message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from ext_proc_yard import (
    BUFFERED,
    FULL_DUPLEX,
    GET,
    NO_BODIES,
    PARTIAL,
    POST,
    STREAMED,
    UNPROMPTED,
    Yard,
    set_headers,
    snapshot_of,
)

from modelyard.worker.protocol import RouterSettings

ROUTER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: gemma, labels: {inference.networking.k8s.io/bbr-managed: "true"}}
data: {baseModel: google/gemma, adapters: "- food-review\\n- travel"}
---
bbr:
  plugins:
  - {type: body-field-to-header, name: model, json: {field_name: model, header_name: X-Gateway-Model-Name}}
  - {type: body-field-to-header, name: user, json: {fieldName: user, headerName: X-User}}
"""
NAME, BASE = "x-gateway-model-name", "x-gateway-base-model-name"
ASK = b'{"model" : "food-review", "user": 7, "prompt": "\xc3\xa9"}'


@pytest.fixture
def yard() -> Yard:
    return Yard(ROUTER)


def mutation_of(answers: list[pb.ProcessingResponse]) -> tuple[dict[str, str], set[str]]:
    """What is set and what is removed by all answers together, in order."""
    fields: dict[str, str] = {}
    removed: set[str] = set()
    for answer in answers:
        which = answer.WhichOneof("response")
        assert which in ("request_headers", "request_body", "request_trailers")
        if which != "request_trailers":
            mutation = getattr(answer, which).response.header_mutation
            assert all(option.append_action == 2 for option in mutation.set_headers)
            fields |= set_headers(mutation)
            removed |= set(mutation.remove_headers)
        assert not answer.HasField("dynamic_metadata")
    return {name: value for name, value in fields.items() if name != "content-length"}, removed


def body_of(answers: list[pb.ProcessingResponse]) -> bytes:
    pieces = [answer.request_body.response.body_mutation.streamed_response for answer in answers]
    assert all(len(piece.body) <= 62_000 for piece in pieces)
    return b"".join(piece.body for piece in pieces)


WANTED = {NAME: "food-review", BASE: "google/gemma", "x-user": "7"}


@pytest.mark.parametrize("config", [FULL_DUPLEX, STREAMED, UNPROMPTED, BUFFERED, PARTIAL, None])
def test_fields_become_headers(yard: Yard, config: Any) -> None:
    call = yard.route()
    answers = call.headers(*POST, (NAME, "forged"), ("x_user", "root"), protocol_config=config)
    answers += call.body(ASK)
    fields, removed = mutation_of(answers)
    assert fields == WANTED
    assert removed >= {"x_user"}
    headers, body = answers[0].request_headers.response, answers[-1].request_body.response
    assert headers.clear_route_cache or body.clear_route_cache
    if config in (FULL_DUPLEX, None):
        assert body_of(answers[1:]) == ASK
    else:
        assert not any(answer.request_body.response.HasField("body_mutation") for answer in answers)


def test_a_large_body_comes_back_byte_for_byte(yard: Yard) -> None:
    body = json.dumps({"prompt": "x" * 300_000, "model": "travel"}).encode()
    call = yard.route()
    call.headers(protocol_config=FULL_DUPLEX)
    answers: list[pb.ProcessingResponse] = []
    for at in range(0, len(body), 65_536):
        answers += call.body(body[at : at + 65_536], end=at + 65_536 >= len(body))
    assert mutation_of(answers)[0] == {NAME: "travel", BASE: "google/gemma"}
    assert body_of(answers[1:]) == body
    assert yard.router.held_bodies == 0
    call.handler.on_half_close()
    (record,) = yard.records
    assert (record.model, record.request_bytes, record.reason) == ("travel", len(body), "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[1]",
        b"{}",
        b'{"model": null}',
        b'{"model": ["a"]}',
        b'{"model": "a\\nb"}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/completions", "/other", ""])
@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED])
def test_without_the_field_nothing_is_set_and_a_client_s_own_goes(
    yard: Yard, config: Any, path: str, body: bytes
) -> None:
    call = yard.route()
    answers = call.headers((":method", "POST"), (":path", path), (NAME, "forged"), (BASE, "b"), protocol_config=config)
    answers += call.body(body)
    assert mutation_of(answers) == ({}, {NAME, BASE})
    assert call.stream.status is None
    call.handler.on_cancelled()
    unreadable = "field_not_readable" if b"model" in body else "field_not_found"
    assert yard.records[0].reason == (unreadable if body else "")


def test_requests_without_body(yard: Yard) -> None:
    for config in (None, FULL_DUPLEX):
        answers = yard.route().headers(*GET, ("x-gateway_model-name", "forged"), end=True, protocol_config=config)
        assert mutation_of(answers) == ({}, {"x-gateway_model-name", NAME, BASE, "x-user"})
        assert answers[0].request_headers.response.clear_route_cache
    answers = yard.route().headers(*POST, (NAME, "f"), protocol_config=NO_BODIES)
    assert mutation_of(answers) == ({}, {NAME, BASE, "x-user"})


@pytest.mark.parametrize(("model", "base"), [("travel", "google/gemma"), ("google/gemma", "google/gemma"), ("x", None)])
def test_the_base_model(yard: Yard, model: str, base: str | None) -> None:
    call = yard.route()
    call.headers(protocol_config=FULL_DUPLEX)
    fields, _ = mutation_of(call.body(json.dumps({"model": model}).encode()))
    assert fields.get(BASE) == base


def test_a_removed_mapping_is_gone(yard: Yard) -> None:
    yard.gateway.swap(snapshot_of(ROUTER.replace("- travel", "")))
    call = yard.route()
    call.headers(protocol_config=FULL_DUPLEX)
    assert mutation_of(call.body(b'{"model": "travel"}'))[0] == {NAME: "travel"}


def test_only_the_beginning_is_shown(yard: Yard) -> None:
    call = yard.route()
    call.headers(protocol_config=PARTIAL)
    assert mutation_of(call.body(ASK[:30], end=False))[0] == {NAME: "food-review", BASE: "google/gemma"}


def test_names_of_other_letters_travel_as_utf_8(yard: Yard) -> None:
    call = yard.route()
    call.headers(protocol_config=FULL_DUPLEX)
    assert mutation_of(call.body('{"model": "modèle"}'.encode()))[0] == {NAME: "modèle"}


def test_trailers(yard: Yard) -> None:
    call = yard.route()
    call.headers(protocol_config=FULL_DUPLEX)
    call.body(ASK, end=False)
    answers = call.say(request_trailers=pb.HttpTrailers())
    assert [answer.WhichOneof("response") for answer in answers] == [
        "request_headers",
        "request_body",
        "request_trailers",
    ]
    assert mutation_of(answers)[0] == WANTED


def test_answers_pass(yard: Yard) -> None:
    call = yard.route()
    call.headers(end=True)
    assert call.response()[0].HasField("response_headers")
    (answer,) = call.response_body(b"data")
    assert answer.response_body.response.body_mutation.streamed_response.body == b"data"
    call.handler.on_half_close()
    assert call.stream.status == 0


def test_where_bodies_are_not_streamed_the_headers_are_answered_at_once(yard: Yard) -> None:
    yard.router.apply(RouterSettings(streaming=False))
    call = yard.route()
    (first,) = call.headers()
    assert first.HasField("request_headers")
    fields, _ = mutation_of(call.body(ASK))
    assert fields == WANTED
    call = yard.route()
    assert call.headers(protocol_config=FULL_DUPLEX) == []


@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED])
def test_a_fault_lets_no_header_of_the_clients_pass(yard: Yard, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("modelyard.extproc.router_stream.routing_headers", broken)
    call = yard.route()
    answers = [*call.headers(*POST, (NAME, "forged"), ("x_user", "forged"), protocol_config=config), *call.body(ASK)]
    assert mutation_of(answers) == ({}, {NAME, "x_user"})
    assert call.stream.status is None


@pytest.mark.parametrize("config", [BUFFERED, STREAMED, FULL_DUPLEX, PARTIAL, None])
@pytest.mark.parametrize("end", [True, False])
def test_a_body_whose_headers_are_not_shown(yard: Yard, config: Any, end: bool) -> None:
    call = yard.route()
    answers = call.say(request_body=pb.HttpBody(body=ASK, end_of_stream=end), protocol_config=config)
    yard.alarms.ring()
    answers += call.stream.answers()
    if config in (BUFFERED, None) or end:
        (answer,) = answers
        assert mutation_of([answer])[0] == {NAME: "food-review", BASE: "google/gemma", "x-user": "7"}
        assert answer.request_body.response.clear_route_cache == (config in (BUFFERED, None))
    call.handler.on_cancelled()
    assert yard.router.held_bodies == 0


def test_streams_may_end_anywhere(yard: Yard) -> None:
    for config in (FULL_DUPLEX, BUFFERED, None):
        call = yard.route()
        call.headers(protocol_config=config)
        call.body(ASK[:5], end=False)
        call.handler.on_cancelled()
        assert yard.router.held_bodies == 0


def without_answers(config: Any) -> Any:
    """The same where the proxy shows nothing of the answer's body."""
    alone = pb.ProtocolConfiguration()
    alone.CopyFrom(config)
    alone.response_body_mode = 0
    return alone


@pytest.mark.parametrize("config", [FULL_DUPLEX, STREAMED, UNPROMPTED, BUFFERED])
def test_it_leaves_with_the_request_where_it_sees_no_answers(yard: Yard, config: Any) -> None:
    """What happens to the router later is no matter of an answer that streams."""
    call = yard.route()
    answers = call.headers(protocol_config=without_answers(config))
    assert call.stream.status is None
    answers += call.body(ASK)
    assert mutation_of(answers)[0] == WANTED
    assert call.stream.status == 0
    (record,) = yard.records
    assert (record.model, record.reason) == ("food-review", "")
    kept = yard.route()
    kept.headers(protocol_config=config)
    kept.body(ASK)
    assert kept.stream.status is None, "the answer's body is to pass"


def test_it_leaves_no_request_that_is_not_whole(yard: Yard) -> None:
    call = yard.route()
    call.headers(protocol_config=without_answers(FULL_DUPLEX))
    call.body(ASK[:9], end=False)
    assert call.stream.status is None
    (*_, last) = [*call.body(ASK[9:], end=False), *call.say(request_trailers=pb.HttpTrailers())]
    assert last.HasField("request_trailers")
    assert call.stream.status == 0
    call = yard.route()
    call.headers(end=True, protocol_config=without_answers(FULL_DUPLEX))
    assert call.stream.status == 0
    call = yard.route()
    call.headers(protocol_config=NO_BODIES)
    assert call.stream.status is None, "trailers may follow the body that is not shown"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/other"])
@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED])
def test_a_number_is_a_name_on_every_path(yard: Yard, config: Any, path: str) -> None:
    call = yard.route()
    answers = call.headers((":method", "POST"), (":path", path), protocol_config=config)
    assert mutation_of(answers + call.body(b'{"model": 42}'))[0] == {NAME: "42"}


@pytest.mark.parametrize("end", [True, False])
def test_a_proxy_that_buffers_unsaid_gets_no_answer_s_body_back(yard: Yard, end: bool) -> None:
    call = yard.route()
    call.say(request_body=pb.HttpBody(body=ASK, end_of_stream=end))
    yard.alarms.ring()
    call.stream.answers()
    assert call.response()[0].HasField("response_headers")
    (answer,) = call.response_body(b"data")
    assert answer == pb.ProcessingResponse(response_body=pb.BodyResponse(response=pb.CommonResponse()))


@pytest.mark.parametrize("config", [FULL_DUPLEX, STREAMED, None])
def test_a_client_s_own_copies_go_from_trailers(yard: Yard, config: Any) -> None:
    call = yard.route()
    call.headers(protocol_config=config)
    call.body(ASK, end=False)
    yard.alarms.ring()
    names = ["X-Gateway-Model-Name", "x-gateway_model_name", BASE, "x_user", "x-other", "x_user"]
    trailers = pb.HttpTrailers()
    for name in names:
        trailers.trailers.headers.add(key=name, raw_value=b"forged")
    (*_, last) = call.say(request_trailers=trailers)
    assert list(last.request_trailers.header_mutation.remove_headers) == [NAME, "x-gateway_model_name", BASE, "x_user"]


def test_before_the_beginning_of_a_body_the_route_is_forgotten(yard: Yard) -> None:
    call = yard.route()
    (first,) = call.headers(*POST, ("x_user", "root"), (NAME, "forged"), protocol_config=PARTIAL)
    assert first.request_headers.response.clear_route_cache
    assert set(first.request_headers.response.header_mutation.remove_headers) == {NAME, BASE, "x-user", "x_user"}
    assert mutation_of(call.body(ASK))[0] == WANTED


@pytest.mark.parametrize(
    ("config", "told"),
    [(STREAMED, "STREAMED"), (PARTIAL, ""), (UNPROMPTED, ""), (BUFFERED, ""), (FULL_DUPLEX, "")],
)
def test_a_mode_of_no_use_is_told_once(yard: Yard, config: Any, told: str, caplog: pytest.LogCaptureFixture) -> None:
    yard.route().headers(*GET, end=True, protocol_config=config)
    assert not caplog.records
    for _ in range(3):
        yard.route().headers(protocol_config=config)
    assert [f"sends request bodies as {told}, " in record.message for record in caplog.records] == [True] * bool(told)
