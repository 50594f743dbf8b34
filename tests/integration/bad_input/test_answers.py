"""The table of design section 7, row by row: what clients get for what cannot be served."""

from __future__ import annotations

import gzip
import json

import pytest

from .wire import chat, get, post
from .yard import MAX_BODY, Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"


def test_a_good_request_works(yard: Yard) -> None:
    answer = yard.ask(post(CHAT, chat("solo", max_tokens=3)))
    assert (answer.status, answer.json["model"]) == (200, "solo")


@pytest.mark.parametrize("host", ["nowhere.test", "models.test"])
def test_no_route(yard: Yard, host: str) -> None:
    answer = yard.ask(get("/", host=host))
    assert answer.status == 404
    assert answer.error["code"] == "no_route"


@pytest.mark.parametrize("host", ["models.test", "pool.test"])
@pytest.mark.parametrize("model", ["gpt-9", "Solo", "solo ", "solo\\u00e9", "../solo", "solo" * 60])
def test_unknown_models(yard: Yard, host: str, model: str) -> None:
    """By route and by pool; the list of models says what there is."""
    body = b'{"model": "%b", "messages": []}' % model.encode()
    answer = yard.ask(post(CHAT, body, host=host))
    assert answer.status in ((404,) if model.strip() == model else (400, 404))
    if answer.status == 404:
        assert (answer.error["code"], answer.error["param"]) == ("model_not_found", "model")
    assert yard.reached() == []


def test_the_list_of_models(yard: Yard) -> None:
    answer = yard.ask(get("/v1/models"))
    assert answer.status == 200
    found = {model["id"]: model.get("parent") for model in answer.json["data"]}
    assert {"pair", "solo", "solo-adapter", "alias", "tight", "shed", "shed-batch"} <= set(found)
    assert found["solo-adapter"] == "solo"
    answer = yard.ask(get("/v1/models/gpt-9"))
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")


DEEP = b'{"model": "solo", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
WIDE = b'{"model": "solo", "x": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"
BODIES = {
    "empty": (b"", 400),
    "not JSON": (b"model=solo", 400),
    "cut": (b'{"model": "solo", "messages": [', 400),
    "followed by more": (b'{"model": "solo"}{"model": "pair"}', 400),
    "a list": (b'[{"model": "solo"}]', 400),
    "a string": (b'"solo"', 400),
    "null": (b"null", 400),
    "no model": (b'{"messages": []}', 400),
    "model is null": (b'{"model": null, "messages": []}', 400),
    "model is a number": (b'{"model": 7, "messages": []}', 400),
    "model is a list": (b'{"model": ["solo"], "messages": []}', 400),
    "model is an object": (b'{"model": {"a": "solo"}, "messages": []}', 400),
    "model is true": (b'{"model": true, "messages": []}', 400),
    "model is empty": (b'{"model": "", "messages": []}', 400),
    "model of 500 kB": (b'{"model": "%b", "messages": []}' % (b"m" * 500_000), 400),
    "model with CR LF": (b'{"model": "solo\\r\\nX-A: b", "messages": []}', 400),
    "model with NUL": (b'{"model": "so\\u0000lo", "messages": []}', 400),
    "model with half a surrogate": (b'{"model": "solo\\ud800", "messages": []}', 400),
    "model twice": (b'{"model": "pair", "messages": [], "model": "solo"}', 400),
    "model twice, the same": (b'{"model": "solo", "messages": [], "model": "solo"}', 400),
    "model twice, escaped": (b'{"model": "pair", "messages": [], "\\u006dodel": "solo"}', 400),
    "model twice, all escaped": (
        b'{"\\u006d\\u006f\\u0064\\u0065\\u006c": "pair", "messages": [], "\\u006Dodel": "solo"}',
        400,
    ),
    "5,000 lists deep": (DEEP, 400),
    "5,000 objects deep": (WIDE, 400),
    "unclosed, 100,000 deep": (b'{"model": "solo", "x": ' + b"[" * 100_000, 400),
    "NaN": (b'{"model": "solo", "messages": [], "temperature": NaN}', 400),
    "Infinity": (b'{"model": "solo", "messages": [], "temperature": -Infinity}', 400),
    "byte order mark": (b"\xef\xbb\xbf" + chat("solo"), 400),
    "UTF-16": (chat("solo").decode().encode("utf-16"), 400),
    "UTF-16 without mark": (chat("solo").decode().encode("utf-16-le"), 400),
    "UTF-32": (chat("solo").decode().encode("utf-32"), 400),
    "invalid UTF-8": (b'{"model": "solo", "messages": [{"role": "user", "content": "\xff\xfe"}]}', 400),
    "overlong UTF-8": (b'{"model": "s\xc1\xafo", "messages": []}', 400),
    "raw control characters": (b'{"model": "solo", "messages": [{"role": "user", "content": "a\x00b\n"}]}', 400),
}


@pytest.mark.parametrize("host", ["models.test", "pool.test"])
@pytest.mark.parametrize("name", BODIES)
def test_bodies(yard: Yard, name: str, host: str) -> None:
    body, status = BODIES[name]
    answer = yard.ask(post(CHAT, body, host=host))
    assert answer.status == status, answer
    assert answer.error["type"] == "invalid_request_error"
    assert yard.reached() == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "x-gzip"])
def test_compressed_bodies(yard: Yard, encoding: str) -> None:
    answer = yard.ask(post(CHAT, gzip.compress(chat("solo")), f"Content-Encoding: {encoding}"))
    assert answer.status == 415
    assert answer.error["code"] == "unsupported_content_encoding"
    assert yard.reached() == []


def test_two_readings_of_one_body(yard: Yard) -> None:
    """Fields that say twice how a body is to be read, and not the same."""
    form = b'--a\r\nContent-Disposition: form-data; name="model"\r\n\r\nsolo\r\n--a--\r\n'
    types = [f"Content-Type: multipart/form-data; boundary={name}" for name in "ab"]
    assert yard.ask(post("/v1/audio/transcriptions", form, *types)).status == 400
    encodings = ["Content-Encoding: identity", "Content-Encoding: gzip"]
    assert yard.ask(post(CHAT, chat("solo"), *encodings)).status == 415
    assert yard.reached() == []


@pytest.mark.parametrize("line", ["Content-Encoding: identity", "Content-Type: text/plain", "X: y"])
def test_odd_but_readable(yard: Yard, line: str) -> None:
    """The engine decides on what can be read without doubt."""
    yard.ask(post(CHAT, chat("solo", max_tokens=2), line))
    assert yard.reached() == [CHAT]


def test_the_engine_gets_the_bytes_that_were_read(yard: Yard) -> None:
    """The model behind a megabyte of message, and with every letter escaped, is the one that is served."""
    long = json.dumps({"messages": [{"role": "user", "content": "x" * 900_000}], "max_tokens": 1})
    late = long[:-1].encode() + b', "model": "pair"}'
    escaped = b'{"\\u006d\\u006f\\u0064\\u0065\\u006c": "\\u0070air", "messages": [{"role": "user", "content": "a"}]}'
    for body in (late, escaped):
        answer = yard.ask(post(CHAT, body))
        assert (answer.status, answer.json["model"]) == (200, "pair")
    received = [request for sim in yard.sims["pair"] for request in sim.requests]
    assert [request.body_length for request in sorted(received, key=lambda r: r.at)] == [len(late), len(escaped)]
    assert yard.sims["solo"][0].requests == []


@pytest.mark.parametrize("host", ["models.test", "plain.test", "read.test"])
def test_bodies_over_the_limit(yard: Yard, host: str) -> None:
    path = CHAT if host != "plain.test" else "/upload"
    with yard.wire() as wire:
        wire.send(post(path, b"", f"Content-Length: {MAX_BODY + 1}", host=host, length=False))
        answer = wire.answer()
        assert answer.status == 413
        assert answer.header("connection") == "close"
        assert "larger" in answer.error["message"]
    assert yard.reached() == []


@pytest.mark.parametrize("host", ["models.test", "plain.test", "read.test"])
def test_bodies_over_the_limit_in_chunks(yard: Yard, host: str) -> None:
    with yard.wire() as wire:
        wire.send(post(CHAT, b"", "Transfer-Encoding: chunked", host=host, length=False))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(MAX_BODY // 65536 + 1):
            wire.send(chunk)
        assert wire.answer().status == 413
    assert yard.reached() == []
    assert [request.body for request in yard.recorder.requests] == []


@pytest.mark.parametrize("host", ["models.test", "plain.test", "read.test"])
@pytest.mark.parametrize("expectation", ["100-continue", "100-Continue"])
def test_bodies_over_the_limit_that_are_announced(yard: Yard, host: str, expectation: str) -> None:
    """The refusal comes instead of 100, so the client keeps its body."""
    with yard.wire() as wire:
        length = f"Content-Length: {MAX_BODY * 10}"
        wire.send(post(CHAT, b"", length, f"Expect: {expectation}", host=host, length=False))
        assert wire.until(b"\r\n").split()[1] == b"413"


@pytest.mark.parametrize("host", ["models.test", "plain.test", "read.test"])
def test_expected_bodies(yard: Yard, host: str) -> None:
    body = chat("solo", max_tokens=1)
    with yard.wire() as wire:
        wire.send(post(CHAT, b"", f"Content-Length: {len(body)}", "Expect: 100-continue", host=host, length=False))
        assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert wire.send(body).answer().status == 200


def test_refused_without_the_body(yard: Yard) -> None:
    """What the head alone decides is answered before the body is asked for."""
    with yard.wire() as wire:
        wire.send(post("/x", b"", "Content-Length: 5", "Expect: 100-continue", host="nowhere.test", length=False))
        assert wire.until(b"\r\n").split()[1] == b"404"
    answer = yard.ask(post(CHAT, b"", "Content-Length: 5", "Expect: 200-ok", length=False))
    assert answer.status == 417


def test_heads_over_the_limit(yard: Yard) -> None:
    for lines in ([f"X-Large: {'x' * 66000}"], [f"X-{n}: {'x' * 3000}" for n in range(30)], ["X: y"] * 5000):
        answer = yard.ask(get("/v1/models", *lines))
        assert answer.status == 431, lines[0][:50]
        assert answer.header("connection") == "close"
        assert answer.error["code"] == "malformed_request"


def test_targets_over_the_limit(yard: Yard) -> None:
    assert yard.ask(get("/" + "a" * 20_000)).status == 414


def test_backends_that_cannot_be_used(yard: Yard) -> None:
    for path in ("/missing", "/not-permitted", "/no-such-kind", "/no-such-port"):
        answer = yard.ask(get(path, host="broken.test"))
        assert answer.status == 500, path
        assert answer.error["code"] == "backend_invalid"
        assert answer.error["type"] == "server_error"


def test_no_ready_endpoint(yard: Yard) -> None:
    answer = yard.ask(post(CHAT, chat("empty")))
    assert answer.status == 503
    assert answer.error["code"] == "no_ready_endpoint"


def test_errors_in_the_shape_of_the_api(yard: Yard) -> None:
    """Clients of the messages API get its error object."""
    answer = yard.ask(post("/v1/messages", chat("gpt-9", max_tokens=1)))
    assert answer.status == 404
    assert answer.json["type"] == "error"
    assert answer.json["error"]["type"] == "not_found_error"


def test_a_connection_goes_on_after_an_error(yard: Yard) -> None:
    """Errors about one whole request leave its connection as it was."""
    with yard.wire() as wire:
        for request, status in (
            (post(CHAT, chat("gpt-9")), 404),
            (post(CHAT, b"{"), 400),
            (get("/", host="nowhere.test"), 404),
            (post(CHAT, chat("empty")), 503),
            (get("/missing", host="broken.test"), 500),
            (post(CHAT, chat("solo", max_tokens=2)), 200),
        ):
            answer = wire.send(request).answer()
            assert answer.status == status
            assert answer.header("connection") != "close"
