"""Small and large wounds to valid requests: in the head's lines, in the body (framed rightly again), in the framing,
and in the bytes on the wire."""

from __future__ import annotations

import random

from .samples import Sample, sample

PIECES = [
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b",",
        b";",
        b"\x0b",
        b"\x7f",
        b"\xff",
        b"\xc3\xa4",
    ),
    *(
        b"%2f",
        b"%00",
        b"%",
        b"%zz",
        b"..",
        b"/../",
        b"//",
        b"\\",
        b"#",
        b"?",
        b"&",
        b"=",
        b"@",
        b"*",
        b"[::1]",
        b"[",
        b"]",
    ),
    *(
        b"0",
        b"-1",
        b"+1",
        b"1" * 30,
        b"0x10",
        b"1e3",
        b"NaN",
        b"true",
        b"null",
        b'"',
        b"{",
        b"}",
        b"[" * 200,
        b"a" * 5000,
    ),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"chunked", b"identity", b"close", b"websocket", b"100-continue", b"gzip"),
    *(b'"model": "x", ', b'"\\u006dodel": 1, ', b"\\ud800", b"\\", b"\xef\xbb\xbf", b"0\r\n\r\n", b"data: "),
]
LINES = [
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"content-length : 3",
    b"Content-Length: 99999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"transfer-encoding:\tchunked",
    b"Transfer-Encoding : chunked",
    b"Host: b.test",
    b"Host:",
    b"Host: a b",
    b"Connection: close",
    b"Connection: content-length, host, x-case, transfer-encoding",
    b"Connection: upgrade",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"Expect: x",
    b"Content-Encoding: gzip",
    b"Content-Type: multipart/form-data; boundary=b",
    b"Content-Type: text/plain",
    b"X-Gateway-Model-Name: forged",
    b"x-modelyard-endpoint: forged",
    b" folded: line",
    b"no colon",
    b"",
    b": empty",
    b"X-Long: " + b"a" * 9000,
    b"X-Bytes: " + bytes(range(128, 256)),
    b"X-Control: a\x01b",
    b"X: y\rZ: a",
    b"X: y\nZ: a",
]


def mutated(rng: random.Random, made: Sample, case: int) -> bytes:
    """The bytes of ``made`` with one to four wounds of one kind, or noise."""
    kind = rng.random()
    if kind < 0.02:
        return rng.randbytes(rng.randrange(1, 400))
    if kind < 0.30:
        _wound_lines(rng, made)
        return made.wire()
    if kind < 0.60 and made.body:
        made.body = _wounded(rng, made.body, lambda: sample(rng, case).body or b"{}")
        return made.wire()
    data = made.wire()
    if kind < 0.72 and made.body is not None:
        return _wound_framing(rng, data)
    return _wounded(rng, data, lambda: sample(rng, case).wire())


def _wounded(rng: random.Random, data: bytes, other: object) -> bytes:
    wounded = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(wounded) + 1)
        kind = rng.randrange(8)
        if kind == 0 and at < len(wounded):
            wounded[at] = rng.randrange(256)
        elif kind == 1 and at < len(wounded):
            wounded[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del wounded[at : at + rng.choice((1, 1, 2, 8, 64))]
        elif kind == 3:
            wounded[at:at] = wounded[max(0, at - rng.choice((1, 8, 64))) : at]
        elif kind == 4:
            donor = other()  # type: ignore[operator]
            wounded[at:] = donor[rng.randrange(len(donor) + 1) :]
        elif kind == 5:
            del wounded[at:]
        else:
            wounded[at:at] = rng.choice(PIECES)
    return bytes(wounded)


def _wound_lines(rng: random.Random, made: Sample) -> None:
    """Header lines dropped, doubled, moved, respelled, added; the start line respelled."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(made.lines))
        kind = rng.randrange(9)
        if kind == 0 and len(made.lines) > 1:
            del made.lines[at]
        elif kind == 1:
            made.lines.insert(at, made.lines[rng.randrange(len(made.lines))])
        elif kind == 2:
            rng.shuffle(made.lines)
        elif kind == 3:
            made.lines[at] = made.lines[at].swapcase()
        elif kind == 4:
            made.lines[at] = _wounded(rng, made.lines[at], lambda: b"x: y")
        elif kind == 5:
            made.start = _wounded(rng, made.start, lambda: b"GET / HTTP/1.1")
        elif kind == 6 and rng.random() < 0.05:
            made.lines += [b"X-Flood-%d: y" % number for number in range(rng.choice((100, 300, 3000)))]
        else:
            made.lines.insert(at, rng.choice(LINES))


def _wound_framing(rng: random.Random, data: bytes) -> bytes:
    """The length, or the lines of the chunked coding, say something else than the body."""
    head, _, payload = data.partition(b"\r\n\r\n")
    if rng.random() < 0.4:
        length = rng.choice((len(payload) - 1, len(payload) + 1, 0, len(payload) // 2, len(payload) + 1000))
        lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-Length", b"Transfer-Encoding"))]
        return b"\r\n".join([*lines, b"Content-Length: %d" % max(0, length), b"", b""]) + payload
    lines = payload.split(b"\r\n")
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(
        (
            b"",
            b"0",
            b"-1",
            b"ffffffffffffffff",
            b"5;x",
            b"5 ",
            b"0x5",
            lines[at] + b"\n",
            lines[at][:-1],
            b"1" + lines[at],
        )
    )
    return head + b"\r\n\r\n" + rng.choice((b"\r\n", b"\n", b"\r\n", b"\r\n")).join(lines)
