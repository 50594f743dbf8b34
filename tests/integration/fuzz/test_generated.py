"""Requests that hypothesis makes, against the running gateway: what it finds, it makes small.

Each example is one conversation; what a strict engine gets and what the client gets must be sound, whatever was sent.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator

import pytest
from bad_input.backends import Backends
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from watched_gateway import WatchedGateway, until

from .conversation import PROBE, read_answers
from .engine import StrictEngine
from .manifests import manifests
from .mutations import LINES, PIECES
from .samples import Sample

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
WAITS_SECONDS = 0.15
"""Silence that counts as the gateway waiting for more, where the bytes may leave it waiting: only what did come is
judged there, so on a slow machine less is seen and nothing fails."""
ENDS_SECONDS = 20.0
"""Silence at most where the request is sound up to its body, so that the probe always closes the connection."""


class Running:
    """The gateway, and the engines behind it."""

    def __init__(self, gateway: WatchedGateway, engines: list[StrictEngine]) -> None:
        self.gateway = gateway
        self.engines = engines

    def converse(self, *pieces: bytes, quiet: float = WAITS_SECONDS) -> list[int]:
        """Send pieces as packets; the statuses of the answers, until the gateway closes or waits for more."""
        data = b""
        with socket.create_connection(self.gateway.place, 10) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in pieces:
                    sock.sendall(piece)
                sock.settimeout(quiet)
                while more := sock.recv(65536):
                    data += more
            except (TimeoutError, ConnectionError):
                pass
        statuses = read_answers(data)
        assert all(status < 500 for status in statuses), data
        faults = [fault for engine in self.engines for fault in engine.faults]
        assert not faults, faults[0]
        return statuses


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Running]:
    with Backends() as backends:
        engines = [StrictEngine(model_api=at < 2) for at in range(4)]
        for engine in engines:
            backends.run(engine.start())
        pool, (web, mirror) = [engine.address for engine in engines[:2]], [engine.address for engine in engines[2:]]
        try:
            folder, host = tmp_path_factory.mktemp("fuzz"), f"{own_blocks()}.1"
            with WatchedGateway(folder, manifests(pool, web, mirror), bind=host) as gateway:
                until(gateway.all_ready, "every endpoint ready")
                yield Running(gateway, engines)
                until(lambda: gateway.in_flight() == 0, "nothing in flight")
                assert gateway.restarts() == 0
                assert "Traceback" not in gateway.log()
        finally:
            for engine in engines:
                backends.run(engine.close())


@pytest.fixture(autouse=True)
def clean(running: Running) -> None:
    for engine in running.engines:
        engine.clear()


generated = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

tokens = st.text("abcXYZ019-_.!#$%&'*+^`|~", min_size=1, max_size=12)
values = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(PIECES),
    st.text("abc ,;=\"'/0", max_size=20).map(str.encode),
)
field_lines = st.one_of(
    st.sampled_from(LINES),
    st.builds(
        lambda name, gap, value: name.encode() + b":" + gap + value, tokens, st.sampled_from([b"", b" ", b"\t"]), values
    ),
)
methods = st.sampled_from(
    ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "CONNECT", "TRACE", "PRI", "get", "A-B_C1"]
)
segments = st.one_of(
    st.sampled_from(["v1", "chat", "completions", "models", "..", ".", "", "%2e%2e", "%2f", "headers", "moved"]), tokens
)
targets = st.one_of(
    st.lists(segments, max_size=6).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from(
        ["*", "http://fuzz.test/a", "https://b.test:444", "//c.test/", "fuzz.test:80", "/v1/chat/completions?a=%zz"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=30),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["recorded", "alias"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "messages", "stream", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def as_request(method: str, target: str, lines: list[bytes], body: bytes | None, chunks: list[int]) -> bytes:
    start = f"{method} {target} HTTP/1.1".encode("latin-1")
    return Sample(start, [b"Host: fuzz.test", *lines], body, chunks).wire()


requests = st.builds(
    as_request,
    methods,
    targets,
    st.lists(field_lines, max_size=5),
    st.none() | st.binary(max_size=60),
    st.lists(st.integers(1, 20), max_size=3),
)


@generated
@given(request=requests, cut=st.integers(0, 400))
def test_heads(running: Running, request: bytes, cut: int) -> None:
    """A refused request is the last one on its connection; a served one leaves the next readable."""
    statuses = running.converse(request[:cut], request[cut:] + PROBE)
    assert len(statuses) <= 2


@generated
@given(parts=st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20), requests), max_size=5))
def test_bytes(running: Running, parts: list[bytes]) -> None:
    running.converse(*parts, PROBE)


@generated
@given(value=json_values, model=st.sampled_from(["recorded", "alias"]), wrap=st.booleans())
@example(value={"model": "recorded", "x": float("nan")}, model="recorded", wrap=False)
def test_json(running: Running, value: object, model: str, wrap: bool) -> None:
    """Any JSON value as a body, or inside one that names a model; whatever is read is what the engine gets."""
    body = json.dumps({"messages": value, "model": model} if wrap else value).encode()
    request = as_request("POST", "/v1/chat/completions", [b"Content-Type: application/json"], body, [])
    statuses = running.converse(request + PROBE, quiet=ENDS_SECONDS)
    assert len(statuses) == 2
    assert statuses[1] == 200


@generated
@given(
    body=st.lists(
        st.sampled_from(
            [*PIECES, b'{"model": "recorded"', b'"model"', b": ", b'"recorded"', b", ", b"}", b'"\\u006dodel"']
        ),
        max_size=8,
    )
)
def test_almost_json(running: Running, body: list[bytes]) -> None:
    request = as_request("POST", "/v1/completions", [], b"".join(body), [])
    statuses = running.converse(request + PROBE, quiet=ENDS_SECONDS)
    assert len(statuses) == 2
    assert statuses[1] == 200


@generated
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from(
                [
                    b"--b\r\n",
                    b"--b--\r\n",
                    b"\r\n",
                    b"\r\n\r\n",
                    b'Content-Disposition: form-data; name="model"\r\n\r\n',
                    b"recorded",
                ]
            ),
            st.sampled_from(
                [
                    b"--b",
                    b"--b \r\n",
                    b"\n--b\r\n",
                    b"content-disposition:form-data;name=model\r\n\r\n",
                    b"name*=utf-8''model",
                    b'; filename="model"',
                ]
            ),
            st.binary(max_size=10),
        ),
        max_size=12,
    ),
    content_type=st.sampled_from(
        [
            b"multipart/form-data; boundary=b",
            b'multipart/form-data; boundary="b"',
            b"multipart/mixed; boundary=b",
            b"multipart/form-data",
            b"multipart/form-data; boundary=b; boundary=c",
        ]
    ),
)
def test_almost_forms(running: Running, parts: list[bytes], content_type: bytes) -> None:
    lines = [b"Content-Type: " + content_type]
    request = as_request("POST", "/v1/audio/transcriptions", lines, b"".join(parts), [])
    statuses = running.converse(request + PROBE, quiet=ENDS_SECONDS)
    assert len(statuses) == 2
    assert statuses[1] == 200


@generated
@given(
    lines=st.lists(
        st.one_of(
            st.sampled_from(
                [
                    b"5",
                    b"0",
                    b"a",
                    b"00005",
                    b"5;x",
                    b"5 ;x",
                    b'5;x="y"',
                    b"fffffffff",
                    b"",
                    b"hello",
                    b"hell",
                    b"X: y",
                    b"g",
                    b"-1",
                ]
            ),
            st.binary(max_size=6),
        ),
        max_size=8,
    ),
    end=st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r"]),
)
def test_almost_chunks(running: Running, lines: list[bytes], end: bytes) -> None:
    head = b"PUT /upload HTTP/1.1\r\nHost: fuzz.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    running.converse(head + b"\r\n".join(lines) + end, PROBE)
