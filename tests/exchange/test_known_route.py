"""Equal heads: what a request gets does not depend on whether one like it came before."""

from __future__ import annotations

import re

import pytest

from modelyard.exchange.commands import Forward, ReadBody, Respond
from modelyard.exchange.contract import ClientFacts
from modelyard.exchange.known_route import ADDRESS_MARK, ID_MARK, LENGTH_MARK, HeadTemplate, known_head
from modelyard.http1.request_parsing import parse_request_head

from .conftest import CLIENT, MANIFEST, POOL, Playbook, endpoint, snapshot_of

CHAT = "/v1/chat/completions"
FILTERED = MANIFEST.replace(
    "    backendRefs:",
    """    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: x-team, value: blue}], remove: [x-secret]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {add: [{name: x-answer, value: "1"}]}
    backendRefs:""",
)
REWRITES = (
    MANIFEST
    + """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: alias}
spec: {modelName: alias, criticality: Sheddable, poolRef: {name: pool}, targetModels: [{name: m, weight: 1}]}
"""
)


def book_of(manifest: str = MANIFEST, *models: str) -> Playbook:
    book = Playbook(manifest)
    book.fleet({POOL: [endpoint("10.0.0.1:80", *(models or ("m", "a<m")))]})
    return book


def chat(model: str = "m", text: str = "hi") -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def essence(command: object) -> object:
    """A command without its request id."""
    if isinstance(command, Forward):
        head = re.sub(rb"x-request-id: [0-9a-f]+-[0-9a-f]+", b"x-request-id: -", command.head)
        return (command.address, head, command.body, command.chunked, command.upgrade, command.mirrors)
    assert isinstance(command, Respond)
    return (command.status, command.headers, command.body)


@pytest.mark.parametrize("manifest", [MANIFEST, FILTERED, REWRITES], ids=["plain", "filtered", "rewriting"])
@pytest.mark.parametrize("model", ["m", "a", "alias", "unknown"])
@pytest.mark.parametrize(
    "fields",
    [
        ("accept-encoding: gzip",),
        ("x-secret: s", "x-forwarded-for: 198.51.100.1", "x-forwarded-proto: gopher"),
        ("x-request-id: mine",),
        ("x-gateway-model-name: forged",),
        ("x-llm-d-inference-objective: none", "connection: x-own", "x-own: 1"),
    ],
    ids=["plain", "forwarded", "own-id", "forged", "others"],
)
def test_the_tenth_is_treated_like_the_first(manifest: str, model: str, fields: tuple[str, ...]) -> None:
    book = book_of(manifest)
    fresh = []
    for number in range(3):
        # A field of its own makes each head a new one; it is taken out again before comparing.
        exchange, command = book.post(CHAT, chat(model, "x" * number), *fields, f"x-number: {number}")
        fresh.append((essence(command), exchange.record.priority, exchange.record.target_model))
        exchange.on_end("done", book.now)
    for number, (expected, priority, target) in enumerate(fresh):
        exchange, command = book.post(CHAT, chat(model, "x" * number), *fields, "x-number: 9")
        if isinstance(expected, tuple) and len(expected) == 6:
            address, head, *rest = expected
            expected = (address, head.replace(b"x-number: %d" % number, b"x-number: 9"), *rest)
        assert essence(command) == expected
        assert (exchange.record.priority, exchange.record.target_model) == (priority, target)
        exchange.on_end("done", book.now)


def test_equal_heads_share_their_way_and_each_has_its_own_id() -> None:
    book = book_of()
    (first, one), (second, two) = book.post(CHAT, chat()), book.post(CHAT, chat())
    assert first.way is second.way is not None
    assert isinstance(one, Forward)
    assert isinstance(two, Forward)
    assert one.head != two.head


def test_answers_are_filtered_on_a_known_way_too() -> None:
    from modelyard.http1.message_heads import ResponseHead

    book = book_of(FILTERED)
    for _ in range(2):
        exchange, _ = book.post(CHAT, chat())
        head = exchange.on_response_head(ResponseHead(200, "OK", []), book.now)
        assert ("x-answer", "1") in head.headers


def test_a_head_without_a_body_is_no_equal_of_one_with() -> None:
    book = book_of()
    raw = f"POST {CHAT} HTTP/1.1\r\nhost: gw\r\ncontent-length: %d\r\n\r\n"
    assert isinstance(book.open((raw % 7).encode()).on_head(book.now), ReadBody)
    assert isinstance(book.open((raw % 0).encode()).on_head(book.now), Respond)


def test_another_listener_or_gateway_is_another_way() -> None:
    book = book_of()
    raw = f"POST {CHAT} HTTP/1.1\r\nhost: gw\r\ncontent-length: 1\r\n\r\n".encode()
    book.open(raw).on_head(book.now)
    head = parse_request_head(raw)
    assert known_head(head, book.gateway, CLIENT) is not None
    assert known_head(head, book.gateway, ClientFacts("default/other:80", "192.0.2.7")) is None
    assert known_head(head, Playbook().gateway, CLIENT) is None


def test_every_client_has_its_own_address() -> None:
    book = book_of()
    data = b'{"model": "m", "messages": []}'
    raw = f"POST {CHAT} HTTP/1.1\r\nhost: gw\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    for address in ("192.0.2.7", "2001:db8::1"):
        exchange = book.open(raw, ClientFacts("default/gw:80", address, 8080))
        exchange.on_head(book.now)
        command = exchange.on_body(data, book.now)
        assert isinstance(command, Forward)
        assert f"\r\nx-forwarded-for: {address}\r\n".encode() in command.head
        assert command.head.endswith(f"\r\ncontent-length: {len(data)}\r\n\r\n".encode())


def test_what_the_fleet_says_counts_at_once() -> None:
    book = book_of()
    book.post(CHAT, chat("a"))
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m")]})
    assert essence(book.post(CHAT, chat("a"))[1])[0] == 404
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m", "a<other")]})
    _, command = book.post(CHAT, chat("a"))
    assert isinstance(command, Forward)
    assert b"x-gateway-base-model-name: other\r\n" in command.head


def test_a_new_snapshot_forgets() -> None:
    book = book_of()
    book.post(CHAT, chat())
    book.gateway.swap(snapshot_of(FILTERED, 2))
    assert not book.gateway.known_heads
    _, command = book.post(CHAT, chat())
    assert isinstance(command, Forward)
    assert b"x-team: blue\r\n" in command.head


def test_a_snapshot_that_comes_between_head_and_body_counts() -> None:
    book = book_of()
    book.post(CHAT, chat())
    data = b'{"model": "m", "messages": []}'
    exchange = book.open(f"POST {CHAT} HTTP/1.1\r\nhost: gw\r\ncontent-length: {len(data)}\r\n\r\n".encode())
    exchange.on_head(book.now)
    book.gateway.swap(snapshot_of(FILTERED, 2))
    command = exchange.on_body(data, book.now)
    assert isinstance(command, Forward)
    assert b"x-team: blue\r\n" in command.head


@pytest.mark.parametrize(
    "wire",
    [f"a{ID_MARK}b{ADDRESS_MARK}c", f"a{ADDRESS_MARK}b{ID_MARK}c{LENGTH_MARK}d", "abc"],
)
def test_a_head_that_lost_a_mark_is_no_template(wire: str) -> None:
    assert HeadTemplate.of(wire.encode()) is None


def test_gaps_are_filled() -> None:
    template = HeadTemplate.of(f"a{ID_MARK}b{ADDRESS_MARK}c{LENGTH_MARK}d".encode())
    assert template is not None
    assert template.fill("1", "::1", 3) == b"a1b::1c3d"
