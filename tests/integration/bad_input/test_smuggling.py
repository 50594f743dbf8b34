"""Request smuggling (threat 5): what could be read in two ways is refused, and nothing behind it is served.

Each case is sent with a second request hidden in it or behind it, to a route that passes bodies on and to one that
reads them. One request in, at most one out; the backend's strict reader finds nothing wrong; the connection ends.
"""

from __future__ import annotations

import pytest

from .wire import chat
from .yard import Yard

pytestmark = pytest.mark.integration

HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: plain.test\r\n\r\n"
BODY = b'{"model": "recorded", "messages": []}'
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"


def request(*lines: bytes, body: bytes = b"", start: bytes = b"POST /v1/chat/completions HTTP/1.1") -> bytes:
    return b"\r\n".join([start, b"Host: HOST", b"Content-Type: application/json", *lines, b"", b""]) + body


LENGTHS = {
    "length and chunked": request(LENGTH, CHUNKED, body=BODY),
    "chunked and length": request(CHUNKED, LENGTH, body=CHUNK + b"0\r\n\r\n"),
    "length 0 and chunked": request(b"Content-Length: 0", CHUNKED, body=CHUNK + b"0\r\n\r\n"),
    "length and identity": request(LENGTH, b"Transfer-Encoding: identity", body=BODY),
    "two lengths": request(LENGTH, b"Content-Length: 0", body=BODY),
    "two lengths, the same": request(LENGTH, LENGTH, body=BODY),
    "lengths in a list": request(LENGTH + b", %d" % len(BODY), body=BODY),
    "length with sign": request(b"Content-Length: +%d" % len(BODY), body=BODY),
    "negative length": request(b"Content-Length: -1", body=BODY),
    "length in hexadecimal": request(b"Content-Length: 0x%x" % len(BODY), body=BODY),
    "length with unit": request(LENGTH + b" bytes", body=BODY),
    "length with underscore": request(b"Content-Length: 3_7", body=BODY),
    "length with exponent": request(b"Content-Length: 3e1", body=BODY),
    "length with decimals": request(LENGTH + b".0", body=BODY),
    "length in other digits": request("Content-Length: \u0663\u0667".encode(), body=BODY),
    "length in quotes": request(b'Content-Length: "37"', body=BODY),
    "empty length": request(b"Content-Length:", body=BODY),
    "length of 40 digits": request(b"Content-Length: " + b"9" * 40, body=BODY),
    "length that overflows to 37": request(b"Content-Length: %d" % (2**64 + len(BODY)), body=BODY),
    "length with space before colon": request(b"Content-Length : %d" % len(BODY), body=BODY),
    "length with NUL": request(LENGTH + b"\0", body=BODY),
    "length with vertical tab": request(b"Content-Length: \x0b%d" % len(BODY), body=BODY),
}
CODINGS = {
    name: request(b"Transfer-Encoding: " + value, body=CHUNK + b"0\r\n\r\n")
    for name, value in {
        "unknown": b"gzip",
        "identity": b"identity",
        "chunked not last": b"chunked, gzip",
        "chunked twice": b"chunked, chunked",
        "chunked behind another": b"gzip, chunked",
        "chunked behind identity": b"identity, chunked",
        "empty": b"",
        "a comma": b",chunked",
        "in quotes": b'"chunked"',
        "with parameter": b"chunked;q=1",
        "with vertical tab": b"\x0bchunked",
        "cut": b"chunke",
        "longer": b"xchunked",
        "with NUL": b"chunked\0",
        "with letter like k": "chun\u212aed".encode(),
    }.items()
}
CODINGS |= {
    "two lines": request(CHUNKED, CHUNKED, body=CHUNK + b"0\r\n\r\n"),
    "two lines, another first": request(b"Transfer-Encoding: identity", CHUNKED, body=CHUNK + b"0\r\n\r\n"),
    "two lines, another last": request(CHUNKED, b"Transfer-Encoding: x", body=CHUNK + b"0\r\n\r\n"),
    "space before colon": request(b"Transfer-Encoding : chunked", body=CHUNK + b"0\r\n\r\n"),
    "folded": request(b"Transfer-Encoding:\r\n chunked", body=CHUNK + b"0\r\n\r\n"),
    "HTTP/1.0": request(CHUNKED, body=CHUNK + b"0\r\n\r\n", start=b"POST /v1/chat/completions HTTP/1.0"),
}
CHUNKS = {
    name: request(CHUNKED, body=body + HIDDEN)
    for name, body in {
        "bare LF after size": b"25\n" + BODY + b"\r\n0\r\n\r\n",
        "bare LF after data": b"25\r\n" + BODY + b"\n0\r\n\r\n",
        "bare CR after size": b"25\r" + BODY + b"\r\n0\r\n\r\n",
        "bare LFs at the end": CHUNK + b"0\n\n",
        "0x": b"0x25\r\n" + BODY + b"\r\n0\r\n\r\n",
        "sign": b"+25\r\n" + BODY + b"\r\n0\r\n\r\n",
        "negative": b"-1\r\n" + BODY + b"\r\n0\r\n\r\n",
        "empty size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        "space before size": b" 25\r\n" + BODY + b"\r\n0\r\n\r\n",
        "space after size": b"25 \r\n" + BODY + b"\r\n0\r\n\r\n",
        "not hexadecimal": b"2g\r\n" + BODY + b"\r\n0\r\n\r\n",
        "size that overflows": b"10000000000000025\r\n" + BODY + b"\r\n0\r\n\r\n",
        "size of 100 zeros": b"0" * 100 + b"25\r\n" + BODY + b"\r\n0\r\n\r\n",
        "too short": b"24\r\n" + BODY + b"\r\n0\r\n\r\n",
        "too long": b"26\r\n" + BODY + b"\r\n0\r\n\r\n",
        "LF in an extension": b"25;a\n=b\r\n" + BODY + b"\r\n0\r\n\r\n",
        "CR in an extension": b"25;a\r=b\r\n" + BODY + b"\r\n0\r\n\r\n",
        "NUL in an extension": b"25;a\0=b\r\n" + BODY + b"\r\n0\r\n\r\n",
        "long extension": b"25;" + b"a" * 5000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        "bare LF in a trailer": CHUNK + b"0\r\nX: y\nZ: a\r\n\r\n",
        "a trailer without colon": CHUNK + b"0\r\nGET / HTTP/1.1\r\n\r\n",
        "a folded trailer": CHUNK + b"0\r\nX: y\r\n z\r\n\r\n",
        "long trailers": CHUNK + b"0\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    }.items()
}
HEADS = {
    "bare LF lines": request(LENGTH, body=BODY).replace(b"\r\n", b"\n"),
    "one bare LF": request(b"X: y\nZ: a", LENGTH, body=BODY),
    "bare LF before the body": request(LENGTH, body=BODY).replace(b"\r\n\r\n", b"\n\r\n", 1),
    "bare CR in a value": request(b"X: y\rContent-Length: 0", LENGTH, body=BODY),
    "bare CR in a name": request(b"X\r: y", LENGTH, body=BODY),
    "bare CR between lines": request(b"X: y\r\rZ: a", LENGTH, body=BODY),
    "folded": request(b"X: y\r\n z", LENGTH, body=BODY),
    "folded by a tab": request(b"X: y\r\n\tContent-Length: 0", LENGTH, body=BODY),
    "the first line folded": request(LENGTH, body=BODY).replace(b"\r\nHost", b"\r\n Host", 1),
    "NUL in a value": request(b"X: a\0b", LENGTH, body=BODY),
    "NUL in a name": request(b"X\0: a", LENGTH, body=BODY),
    "DEL in a value": request(b"X: a\x7fb", LENGTH, body=BODY),
    "escape in a value": request(b"X: \x1b[2J", LENGTH, body=BODY),
    "space in a name": request(b"X Y: a", LENGTH, body=BODY),
    "an empty name": request(b": a", LENGTH, body=BODY),
    "no colon": request(b"Nothing", LENGTH, body=BODY),
    "other letters in a name": request("Cont\u00e9nt: a".encode(), LENGTH, body=BODY),
    "two Hosts": request(b"Host: plain.test", LENGTH, body=BODY),
    "two spaces": request(LENGTH, body=BODY, start=b"POST  /v1/chat/completions HTTP/1.1"),
    "a tab": request(LENGTH, body=BODY, start=b"POST\t/v1/chat/completions HTTP/1.1"),
    "no version": request(LENGTH, body=BODY, start=b"POST /v1/chat/completions"),
    "HTTP/0.9": b"GET /smuggled\r\n\r\n",
    "HTTP/1.2": request(LENGTH, body=BODY, start=b"POST /v1/chat/completions HTTP/1.2"),
    "HTTP/2.0": request(LENGTH, body=BODY, start=b"POST /v1/chat/completions HTTP/2.0"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/1.1": request(LENGTH, body=BODY, start=b"POST /v1/chat/completions http/1.1"),
    "HTTP/01.1": request(LENGTH, body=BODY, start=b"POST /v1/chat/completions HTTP/01.1"),
    "a trailing space": request(LENGTH, body=BODY, start=b"POST /v1/chat/completions HTTP/1.1 "),
    "a leading space": request(LENGTH, body=BODY, start=b" POST /v1/chat/completions HTTP/1.1"),
    "NUL in the target": request(LENGTH, body=BODY, start=b"POST /v1/chat\0 HTTP/1.1"),
    "a line end in the target": request(LENGTH, body=BODY, start=b"POST /v1/a\r\nX: y HTTP/1.1"),
    "other letters in the target": request(LENGTH, body=BODY, start="POST /v1/\u00e9 HTTP/1.1".encode()),
    "a method that is none": request(LENGTH, body=BODY, start=b"P(ST /v1/chat/completions HTTP/1.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
REFUSED = {
    f"{kind}: {name}": data
    for kind, group in {"length": LENGTHS, "coding": CODINGS, "chunk": CHUNKS, "head": HEADS}.items()
    for name, data in group.items()
}


@pytest.mark.parametrize("host", ["plain.test", "read.test"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(yard: Yard, name: str, host: str) -> None:
    with yard.wire() as wire:
        wire.send(REFUSED[name].replace(b"HOST", host.encode()) + HIDDEN)
        answer = wire.answer()
        assert answer.status in (400, 405, 413, 431), answer
        assert answer.header("connection") == "close"
        assert answer.error["code"] == "malformed_request"
        assert wire.rest() == b"", "nothing follows the refusal"
    assert_nothing_smuggled(yard, 0)


def assert_nothing_smuggled(yard: Yard, most: int) -> None:
    recorder = yard.recorder
    assert recorder.faults == []
    assert recorder.total <= most
    assert all(request.target != "/smuggled" for request in recorder.requests)


@pytest.mark.parametrize("host", ["plain.test", "read.test"])
@pytest.mark.parametrize("name", [*(name for name in CHUNKS if not name.startswith("long")), "whole"])
def test_byte_by_byte(yard: Yard, name: str, host: str) -> None:
    """The same through the smallest packets: what was passed on before the fault is cut off, not completed."""
    data = {**CHUNKS, "whole": request(CHUNKED, body=CHUNK + b"0\r\n\r\n")}[name].replace(b"HOST", host.encode())
    with yard.wire() as wire:
        for at in range(len(data)):
            wire.send(data[at : at + 1])
        assert wire.answer().status == (200 if name == "whole" else 400)
    assert_nothing_smuggled(yard, 1 if name == "whole" else 0)


@pytest.mark.parametrize("host", ["plain.test", "read.test"])
def test_a_hidden_request_is_body(yard: Yard, host: str) -> None:
    """Where the framing is clear, what looks like a request inside the body stays there."""
    inner = chat("recorded", content=HIDDEN.decode())
    bodies = [
        request(b"Content-Length: %d" % len(inner), body=inner),
        request(CHUNKED, body=b"%x;ext=1\r\n%b\r\n0\r\nX-Trailer: a\r\n\r\n" % (len(inner), inner)),
        request(CHUNKED, body=b"".join(b"1\r\n%c\r\n" % byte for byte in inner) + b"0\r\n\r\n"),
        request(b"transfer-ENCODING: \tChunked ", body=b"000%x\r\n%b\r\n0000\r\n\r\n" % (len(inner), inner)),
    ]
    with yard.wire() as wire:
        for data in bodies:
            assert wire.send(data.replace(b"HOST", host.encode())).answer().status == 200
    assert [received.body for received in yard.recorder.requests] == [inner] * 4
    assert all(received.target == "/v1/chat/completions" for received in yard.recorder.requests)
    assert_nothing_smuggled(yard, 4)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_bodies_where_none_is_usual(yard: Yard, method: str) -> None:
    """A GET with a body that looks like a request is one request."""
    data = b"%b /x HTTP/1.1\r\nHost: plain.test\r\nContent-Length: %d\r\n\r\n" % (method.encode(), len(HIDDEN)) + HIDDEN
    with yard.wire() as wire:
        assert wire.send(data).answer(method).status == 200
    assert_nothing_smuggled(yard, 1)
    assert yard.recorder.requests[0].body == HIDDEN


def test_an_upgrade_that_is_refused_is_no_tunnel(yard: Yard) -> None:
    """What follows an upgrade that the endpoint did not take is read as requests again, and h2c is never offered."""
    for protocol in ("websocket", "h2c", "x"):
        with yard.wire() as wire:
            lines = f"GET /ws HTTP/1.1\r\nHost: plain.test\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
            assert wire.send(lines.encode() + b"GET /\0 HTTP/1.1\r\n\r\n").answer().status == 200
            assert wire.answer().status == 400
    assert yard.recorder.faults == []
    assert all(request.target == "/ws" for request in yard.recorder.requests)
    assert [request.values("upgrade") for request in yard.recorder.requests] == [["websocket"], [], []]
