"""Adapters: which endpoint, under which name, and what happens while none has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from modelyard.exchange.commands import Forward, Respond, Wait
from modelyard.fleet.endpoints import EndpointState, EngineLoad
from modelyard.http1.request_parsing import parse_request_head
from modelyard.http1.response_parsing import parse_response_head

from .conftest import MANIFEST, POOL, Playbook, endpoint

CHAT = "/v1/chat/completions"
A, B = "127.0.0.1:8001", "127.0.0.1:8002"
ADAPTER, NEW = "food-review", "food-review@1a2b3c4d"


def server(
    address: str,
    *models: str,
    names: Mapping[str, str] | None = None,
    expected: frozenset[str] = frozenset(),
    engine: str = "vllm",
    ready: bool = True,
) -> EndpointState:
    state = endpoint(address, *models, engine=engine, ready=ready)
    return replace(state, adapter_names=names or {}, expected=expected)


def ask(book: Playbook, model: str = ADAPTER, **fields: object) -> tuple[Any, Any]:
    return book.post(CHAT, {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields})


def resumed(exchange: Any) -> list[Any]:
    """What the exchange does after its wait, as it comes."""
    commands: list[Any] = []
    exchange.resume = commands.append
    return commands


def sent_model(command: Forward) -> str:
    assert command.body is not None
    return str(json.loads(command.body)["model"])


def error_of(command: Respond) -> tuple[int, str]:
    return command.status, json.loads(command.body)["error"]["code"]


def answered(exchange: Any, book: Playbook, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    exchange.on_response_head(parse_response_head(head.encode()), book.now)
    return bytes(exchange.on_response_data(body) + exchange.on_response_end())


def test_the_engine_gets_its_own_name_and_the_client_sees_its_own(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", f"{NEW}<base", names={ADAPTER: NEW})]})
    exchange, command = ask(book)
    assert (command.address, sent_model(command)) == (A, NEW)
    assert json.loads(answered(exchange, book, json.dumps({"model": NEW, "id": "x"}).encode()))["model"] == ADAPTER
    assert exchange.on_end("done", book.now).target_model == NEW
    exchange, command = ask(book, stream=True)
    event = b'data: {"id":"x","model":"%s"}\n\n' % NEW.encode()
    assert b'"model":"food-review"}' in answered(exchange, book, event, "text/event-stream")


def test_one_name_whichever_engine_serves_it(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet(
        {
            POOL: [
                server(A, "base", f"{NEW}<base", names={ADAPTER: NEW}),
                server(B, "base", f"base:{ADAPTER}", engine="ray-serve"),
            ]
        }
    )
    seen = {}
    for _ in range(40):
        exchange, command = ask(book)
        seen[command.address] = (sent_model(command), b"serve_multiplexed_model_id: base:food" in command.head)
        exchange.on_end("done", book.now)
    assert seen == {A: (NEW, False), B: (f"base:{ADAPTER}", True)}
    _, listed = book.get("/v1/models")
    models = {item["id"]: item["parent"] for item in json.loads(listed.body)["data"]}
    assert models == {"base": None, ADAPTER: "base"}


def test_a_retry_uses_the_other_endpoints_name(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    states = [
        server(A, "base", f"{NEW}<base", names={ADAPTER: NEW}),
        server(B, "base", f"{ADAPTER}<base"),
    ]
    book.fleet({POOL: states})
    names = {A: NEW, B: ADAPTER}
    firsts = set()
    for _ in range(20):
        book.now += 10.0  # what failed before is forgotten
        exchange, command = ask(book)
        firsts.add(command.address)
        assert sent_model(command) == names[command.address]
        again = exchange.on_upstream_failure("connect_refused", True, book.now)
        assert again.address != command.address
        assert sent_model(again) == names[again.address]
        assert f"content-length: {len(again.body)}\r\n".encode() in again.head
        exchange.on_end("done", book.now)
    assert firsts == {A, B}


def test_a_form_is_renamed_for_each_endpoint(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "b", "b:x", engine="ray-serve"), server(B, "b", f"{NEW}<b", names={"x": NEW})]})
    form = b'--q\r\ncontent-disposition: form-data; name="model"\r\n\r\nx\r\n--q--\r\n'
    raw = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: gw\r\ncontent-type: multipart/form-data; boundary=q\r\n"
    exchange = book.open(raw + b"content-length: %d\r\n\r\n" % len(form))
    exchange.on_head(book.now)
    first = exchange.on_body(form, book.now)
    again = exchange.on_upstream_failure("reset", True, book.now)
    names = {A: b"b:x", B: NEW.encode()}
    for command in (first, again):
        assert isinstance(command, Forward)
        assert command.body == form.replace(b"\r\nx\r\n", b"\r\n%s\r\n" % names[command.address])
    assert {first.address, again.address} == {A, B}  # type: ignore[union-attr]


def test_requests_wait_for_an_expected_adapter_and_go_on_with_its_load(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER})), server(B, "base")]})
    exchange, command = ask(book)
    assert isinstance(command, Wait)
    commands = resumed(exchange)
    book.now += 5.0
    book.gateway.step(book.now)
    assert commands == []
    assert book.gateway.waiting_for_loads() == {POOL: {ADAPTER: 1}}
    book.fleet({POOL: [server(A, "base", f"{ADAPTER}<base"), server(B, "base")]})
    assert [command.address for command in commands] == [A]
    record = exchange.on_end("done", book.now)
    assert (record.load_wait, record.queued) == (5.0, 5.0)
    assert book.gateway.waiting_for_loads() == {}


def test_the_wait_ends_with_503(playbook: Callable[..., Playbook]) -> None:
    book = playbook(adapter_wait=7.0)
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER}))]})
    exchange, _ = ask(book)
    commands = resumed(exchange)
    book.now += 6.9
    book.gateway.step(book.now)
    assert commands == []
    book.now += 0.1
    book.gateway.step(book.now)
    assert error_of(commands[0]) == (503, "model_not_loaded")
    assert dict(commands[0].headers)["retry-after"] == "5"
    assert exchange.on_end("done", book.now).load_wait == pytest.approx(7.0)


def test_no_wait_where_none_is_wanted(playbook: Callable[..., Playbook]) -> None:
    book = playbook(adapter_wait=0.0)
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER}))]})
    assert error_of(ask(book)[1]) == (503, "model_not_loaded")
    assert error_of(ask(book, "unheard-of")[1]) == (404, "model_not_found")


def test_an_adapter_that_nobody_will_load_any_more_is_unknown(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER}))]})
    commands = resumed(ask(book)[0])
    book.fleet({POOL: [server(A, "base")]})
    assert error_of(commands[0]) == (404, "model_not_found")


def test_a_client_that_leaves_is_waited_for_no_more(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER}))]})
    exchange, _ = ask(book)
    commands = resumed(exchange)
    book.now += 2.0
    record = exchange.on_end("client_gone", book.now)
    assert (record.reason, record.load_wait) == ("client_gone", 2.0)
    book.fleet({POOL: [server(A, "base", f"{ADAPTER}<base")]})
    assert commands == []
    assert book.gateway.open_exchanges == 0


def test_an_endpoint_that_has_not_said_what_it_serves_gets_no_adapter_requests(
    playbook: Callable[..., Playbook],
) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, expected=frozenset({ADAPTER})), server(B, "base")]})
    assert isinstance(ask(book)[1], Wait)
    assert isinstance(ask(book, "base")[1], Forward)
    book.fleet({POOL: [server(A), server(B, "base", f"{ADAPTER}<base")]})
    assert {ask(book)[1].address for _ in range(20)} == {B}


def test_an_adapter_that_is_being_taken_away_gets_no_more_requests(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    leaving = server(A, "base", f"{ADAPTER}<base", names={ADAPTER: ""})
    book.fleet({POOL: [leaving, server(B, "base")]})
    assert error_of(ask(book)[1]) == (404, "model_not_found")
    book.fleet({POOL: [leaving, server(B)]})
    assert error_of(ask(book)[1]) == (503, "no_ready_endpoint")


def test_a_pool_without_ready_endpoints_keeps_adapter_requests(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", names={ADAPTER: ADAPTER}, ready=False)]})
    commands = resumed(ask(book)[0])
    book.fleet({POOL: [server(A, "base", names={ADAPTER: ADAPTER})]})
    assert commands == []
    book.fleet({POOL: [server(A, "base", f"{ADAPTER}<base", names={ADAPTER: ADAPTER})]})
    assert [command.address for command in commands] == [A]


def test_a_404_for_an_adapter_is_tried_elsewhere(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", f"{ADAPTER}<base"), server(B, "base", f"{ADAPTER}<base")]})
    exchange, command = ask(book)
    assert exchange.lacks_model(404)
    assert not exchange.lacks_model(500)
    again = exchange.on_upstream_failure("model_missing", True, book.now)
    assert {command.address, again.address} == {A, B}
    assert {ask(book)[1].address for _ in range(10)} == {again.address}
    assert book.failures == []
    base, _ = ask(book, "base")
    assert not base.lacks_model(404)


def test_a_404_where_nobody_else_has_it_waits_for_the_next_load(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    loaded = server(A, "base", f"{NEW}<base", names={ADAPTER: NEW})
    book.fleet({POOL: [loaded]})
    exchange, command = ask(book)
    assert sent_model(command) == NEW
    commands = resumed(exchange)
    assert isinstance(exchange.on_upstream_failure("model_missing", True, book.now), Wait)
    assert book.in_flight() == {}
    book.fleet({POOL: [replace(loaded, load=None)]})  # news of something else
    assert commands == []
    book.fleet({POOL: [server(A, "base", names={ADAPTER: NEW})]})
    assert commands == []
    book.fleet({POOL: [loaded]})
    assert [(command.address, sent_model(command)) for command in commands] == [(A, NEW)]
    exchange.on_end("done", book.now)
    assert book.in_flight() == {}


def test_a_404_for_a_version_that_was_just_replaced_is_tried_with_the_new_one(
    playbook: Callable[..., Playbook],
) -> None:
    book = playbook()
    old = f"{ADAPTER}@00000000"
    book.fleet({POOL: [server(A, "base", f"{old}<base", names={ADAPTER: old})]})
    exchange, command = ask(book)
    assert sent_model(command) == old
    book.fleet({POOL: [server(A, "base", f"{NEW}<base", names={ADAPTER: NEW})]})
    again = exchange.on_upstream_failure("model_missing", True, book.now)
    assert (again.address, sent_model(again)) == (A, NEW)


def test_policies_know_adapters_by_their_names_for_clients(playbook: Callable[..., Playbook]) -> None:
    """The affinity scorer sees that the adapter runs on A."""
    book = playbook()
    states = [server(address, "base", f"{NEW}<base", names={ADAPTER: NEW}) for address in (A, B)]
    loads = [EngineLoad(at=book.now, max_loras=1, running_loras=frozenset({name})) for name in (NEW, "other")]
    book.fleet({POOL: [replace(state, load=load) for state, load in zip(states, loads, strict=True)]})
    addresses = set()
    for _ in range(10):
        exchange, command = ask(book)
        addresses.add(command.address)
        exchange.on_end("done", book.now)
    assert addresses == {A}


def test_a_404_that_no_new_list_follows_is_forgotten_after_a_while(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", f"{NEW}<base", names={ADAPTER: NEW})]})
    exchange, _ = ask(book)
    commands = resumed(exchange)
    exchange.on_upstream_failure("model_missing", True, book.now)
    book.now += 11.0
    book.gateway.step(book.now)
    assert [command.address for command in commands] == [A]


def test_an_adapter_that_was_loaded_by_hand_and_is_gone_is_503_once(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", f"{ADAPTER}<base")]})
    exchange, _ = ask(book)
    assert error_of(exchange.on_upstream_failure("model_missing", True, book.now)) == (503, "model_not_loaded")


def test_the_last_attempts_404_is_the_clients(playbook: Callable[..., Playbook]) -> None:
    book = playbook(attempts=1)
    book.fleet({POOL: [server(A, "base", f"{ADAPTER}<base")]})
    assert not ask(book)[0].lacks_model(404)


def test_more_than_the_queue_holds_is_refused(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER}))]})
    state = next(iter(book.gateway.states.values()))
    state.load_waits._most = 2
    kinds = [type(ask(book)[1]) for _ in range(3)]
    assert kinds == [Wait, Wait, Respond]


def test_explain_says_what_a_request_would_wait_for(playbook: Callable[..., Playbook]) -> None:
    book = playbook()
    book.fleet({POOL: [server(A, "base", expected=frozenset({ADAPTER})), server(B, "base")]})
    exchange = book.open(b"GET / HTTP/1.1\r\nhost: gw\r\n\r\n")
    body = json.dumps({"model": ADAPTER, "messages": []}).encode()
    head = b"POST %s HTTP/1.1\r\nhost: gw\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    parsed = parse_request_head(head % (CHAT.encode(), len(body)))
    answer = book.gateway.explain(parsed, body, exchange.client, book.now)
    assert answer["waits"] == {"until": "adapter 'food-review' is loaded", "endpoints": [A], "requestsBefore": 0}
    assert book.gateway.waiting_for_loads() == {}


def test_manifest_targets_are_mapped_first(playbook: Callable[..., Playbook]) -> None:
    manifest = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: reviews}
spec: {modelName: reviews, poolRef: {name: pool}, targetModels: [{name: food-review}]}
"""
    book = playbook(MANIFEST + "---" + manifest)
    book.fleet({POOL: [server(A, "base", f"{NEW}<base", names={ADAPTER: NEW})]})
    exchange, command = ask(book, "reviews")
    assert sent_model(command) == NEW
    assert json.loads(answered(exchange, book, b'{"model":"%s"}' % NEW.encode()))["model"] == "reviews"


STATES = st.fixed_dictionaries(
    {
        "listed": st.sampled_from([(), ("base",), ("base", f"{ADAPTER}<base"), ("base", f"{NEW}<base")]),
        "names": st.sampled_from([{}, {ADAPTER: ADAPTER}, {ADAPTER: NEW}, {ADAPTER: ""}]),
        "expected": st.sampled_from([frozenset(), frozenset({ADAPTER})]),
        "ready": st.booleans(),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["base", ADAPTER])),
        st.tuples(st.just("fleet"), st.tuples(STATES, STATES)),
        st.tuples(st.just("missing"), st.integers(0, 9)),
        st.tuples(st.just("refused"), st.integers(0, 9)),
        st.tuples(st.just("gone"), st.integers(0, 9)),
        st.tuples(st.just("time"), st.sampled_from([0.1, 6.0, 40.0])),
    ),
    min_size=5,
    max_size=30,
)


class _Client:
    """One request and what the gateway last said of it."""

    def __init__(self, book: Playbook, model: str) -> None:
        self.book, self.model = book, model
        self.exchange, command = ask(book, model)
        self.exchange.resume = self.take
        self.command: Any = None
        self.take(command)

    def take(self, command: Any) -> None:
        self.command = command
        if isinstance(command, Forward) and self.model == ADAPTER:
            state = next(s for s in self.book.states if s.endpoint.address == command.address)  # type: ignore[attr-defined]
            listed = {model.id for model in state.models or ()}
            wanted = state.adapter_names.get(ADAPTER, ADAPTER)
            assert wanted in listed or not self.book.known  # type: ignore[attr-defined]
            assert sent_model(command) == wanted

    def failed(self, kind: str) -> None:
        if isinstance(self.command, Forward) and (kind != "model_missing" or self.exchange.lacks_model(404)):
            self.take(self.exchange.on_upstream_failure(kind, True, self.book.now))


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_every_counter_goes_back_and_adapters_go_only_where_they_are(steps: list[tuple[str, Any]]) -> None:
    book: Any = Playbook()
    clients: list[_Client] = []

    def fleet(states: Any) -> None:
        book.states = [
            server(address, *s["listed"], **{k: s[k] for k in ("names", "expected", "ready")})
            for address, s in zip((A, B), states, strict=True)
        ]
        # An adapter that nothing speaks of is any other name: where no list is known, it may be asked for.
        book.known = any(
            ADAPTER in s["names"] or s["expected"] or (s["ready"] and len(s["listed"]) > 1) for s in states
        )
        book.fleet({POOL: book.states})

    plain = {"listed": ("base",), "names": {}, "expected": frozenset(), "ready": True}
    fleet((plain, plain))
    for step, value in steps:
        if step == "ask":
            clients.append(_Client(book, value))
        elif step == "fleet":
            fleet(value)
        elif step == "time":
            book.now += value
            book.gateway.step(book.now)
        elif clients:
            client = clients[value % len(clients)]
            if step == "gone":
                client.exchange.on_end("client_gone", book.now)
                clients.remove(client)
            else:
                client.failed("model_missing" if step == "missing" else "connect_refused")
    for client in clients:
        client.exchange.on_end("done", book.now)
    assert book.gateway.open_exchanges == 0
    assert book.in_flight() == {}
    assert book.gateway.waiting_for_loads() == {}
    assert not any(state.waiting_for_load for state in book.gateway.states.values())
