"""Valid requests of every kind that the gateway serves, drawn at random; mutations start from them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HOST = "fuzz.test"
MODEL, ALIAS = "recorded", "alias"
"""A model of the pool, and a name that the pool rewrites to it."""


@dataclass(slots=True)
class Sample:
    """One request in its parts."""

    start: bytes
    lines: list[bytes]
    """Header lines without CRLF; framing is added by ``wire``."""
    body: bytes | None = None
    chunks: list[int] = field(default_factory=list)
    """Sizes of the chunks that the body goes out in; none: by Content-Length."""
    trailers: list[bytes] = field(default_factory=list)
    extension: bytes = b""
    status: int = 200
    """What a client gets for it, unchanged."""

    @property
    def method(self) -> str:
        return self.start.split(b" ")[0].decode()

    def wire(self) -> bytes:
        lines = [self.start, *self.lines]
        body = self.body
        if body is None:
            payload = b""
        elif self.chunks:
            lines.append(b"Transfer-Encoding: chunked")
            payload = chunked(body, self.chunks, self.extension, self.trailers)
        else:
            lines.append(b"Content-Length: %d" % len(body))
            payload = body
        return b"\r\n".join([*lines, b"", b""]) + payload


def chunked(body: bytes, sizes: list[int], extension: bytes, trailers: list[bytes]) -> bytes:
    """``body`` in chunks of ``sizes`` (the last is as long as it needs to be)."""
    parts, at = [], 0
    for size in sizes:
        piece = body[at : at + size]
        if piece:
            parts.append(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece))
        at += size
    if body[at:]:
        parts.append(b"%X\r\n%b\r\n" % (len(body) - at, body[at:]))
    return b"".join(parts) + b"\r\n".join([b"0" + extension, *trailers, b"", b""])


def sample(rng: random.Random, case: int) -> Sample:
    """A valid request. Its ``x-case`` names the conversation that it belongs to."""
    made = rng.choices(_KINDS, _WEIGHTS)[0](rng)
    made.lines.append(b"X-Case: %d" % case)
    for _ in range(rng.randrange(3)):
        made.lines.insert(rng.randrange(len(made.lines)), rng.choice(_HARMLESS))
    if made.body is not None and rng.random() < 0.3:
        made.chunks = [rng.choice((1, 2, 15, 16, 17, 255, 4096)) for _ in range(rng.randrange(1, 6))]
        made.extension = rng.choice((b"", b"", b";a", b';a="b c"'))
        made.trailers = rng.choice(([], [], [b"X-Trailer: a"], [b"X-Gateway-Model-Name: forged", b"A: b"]))
    return made


_HARMLESS = [
    b"Accept: */*",
    b"accept-encoding: gzip, br",
    b"User-Agent: fuzz/1.0 (x; y) \xc3\xa4",
    b"Cookie: a=b; c=d",
    b"Authorization: Bearer sk-x",
    b"Connection: keep-alive",
    b"connection: Keep-Alive, X-Gone",
    b"X-Gone: here",
    b"X-Empty:",
    b"X-Spaced: \t a b \t",
    b"x-gateway-destination-endpoint: 127.0.0.1:1",
    b"X_Gateway_Model_Name: forged",
    b"X-Prefiller-Url: http://127.0.0.1:1",
    b"X-Forwarded-For: 10.0.0.1",
    b"X-Request-Id: abc",
    b"x-session-token: dG9rZW4=",
    b"x-gateway-inference-objective: none",
    b"Origin: http://a.test",
    b"TE: trailers",
    b"Forwarded: for=1.2.3.4",
    b"Range: bytes=0-1",
]


def _post(path: str, body: bytes, content_type: bytes = b"application/json", status: int = 200) -> Sample:
    lines = [b"Host: " + HOST.encode(), b"Content-Type: " + content_type]
    return Sample(b"POST %b HTTP/1.1" % path.encode(), lines, body, status=status)


def _get(target: str, status: int = 200, method: str = "GET") -> Sample:
    return Sample(f"{method} {target} HTTP/1.1".encode(), [b"Host: " + HOST.encode()], status=status)


def _json(rng: random.Random, value: Any) -> bytes:
    return json.dumps(
        value,
        ensure_ascii=rng.random() < 0.5,
        separators=rng.choice(((", ", ": "), (",", ":"))),
        indent=rng.choice((None, None, 1)),
    ).encode()


def _text(rng: random.Random) -> str:
    return rng.choice(
        ("hi", "", 'quote " and \\', "\u00e4\u4e2d\U0001f600", "data: [DONE]\n\n", '"model": "x"', "a b " * 200)
    )


def _model(rng: random.Random) -> str:
    return MODEL if rng.random() < 0.7 else ALIAS


def _messages(rng: random.Random) -> list[Any]:
    part = {"type": "text", "text": _text(rng)}
    return [{"role": "user", "content": rng.choice((_text(rng), [part, part]))} for _ in range(rng.randrange(3))]


def _chat(rng: random.Random) -> Sample:
    body: dict[str, Any] = {"messages": _messages(rng), "stream": rng.random() < 0.4}
    items = [*body.items(), ("model", _model(rng)), ("max_tokens", 3), ("x", {"model": "inner", "deep": [[[{}]]]})]
    rng.shuffle(items)
    return _post(rng.choice(("/v1/chat/completions", "/v1/messages", "/v1//chat/completions")), _json(rng, dict(items)))


def _completions(rng: random.Random) -> Sample:
    value = {"model": _model(rng), "prompt": rng.choice((_text(rng), [_text(rng)], [1, 2, 3])), "n": 1, "stream": False}
    return _post("/v1/completions", _json(rng, value))


def _inputs(rng: random.Random) -> Sample:
    path = rng.choice(("/v1/embeddings", "/v1/responses", "/rerank", "/v1/score", "/tokenize", "/classify", "/pooling"))
    return _post(path, _json(rng, {"model": _model(rng), "input": _text(rng), "query": "a", "documents": [_text(rng)]}))


def _escaped(rng: random.Random) -> Sample:
    """Names and values in JSON's escapes."""

    def escape(text: str) -> str:
        return "".join(f"\\u{ord(letter):04x}" if rng.random() < 0.6 else letter for letter in text)

    body = f'{{"{escape("messages")}": [], "{escape("model")}": "{escape(MODEL)}"}}'
    return _post("/v1/chat/completions", body.encode())


def _form(rng: random.Random) -> Sample:
    boundary = rng.choice(("b", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "a-b_c"))
    parts = [
        'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        + "RIFF\0\1" * 9,
        f'Content-Disposition: form-data; name="model"\r\n\r\n{_model(rng)}',
        'Content-Disposition: form-data; name="stream"\r\n\r\nfalse',
    ]
    rng.shuffle(parts)
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return _post(
        "/v1/audio/transcriptions", body.encode("latin-1"), f"multipart/form-data; boundary={boundary}".encode()
    )


def _unknown_model(rng: random.Random) -> Sample:
    return _post(
        "/v1/chat/completions",
        _json(rng, {"model": rng.choice(("nobody", "Recorded", "x/y")), "messages": []}),
        status=404,
    )


def _plain(rng: random.Random) -> Sample:
    target = rng.choice(
        (
            "/",
            "/a/b?c=d&e",
            "/%7Euser/%20",
            "/rewritten/x",
            "/headers/x",
            "/mirrored/x?y",
            "/cors/x",
            "/q?a=b",
            "/regex/12",
        )
    )
    return _get(target, method=rng.choice(("GET", "GET", "DELETE", "PATCH", "OPTIONS")))


def _upload(rng: random.Random) -> Sample:
    body = rng.randbytes(rng.choice((0, 1, 100, 5000, 70_000)))
    made = _post(rng.choice(("/upload", "/mirrored/up", "/rewritten/up")), body, b"application/octet-stream")
    made.start = made.start.replace(b"POST", rng.choice((b"POST", b"PUT")))
    return made


def _read(rng: random.Random) -> Sample:
    """A body that is read for a Service."""
    return _post("/read/v1/chat", _json(rng, {"model": rng.choice(("m", "a/b:c", "\u00e4")), "messages": []}))


def _own(rng: random.Random) -> Sample:
    target, status = rng.choice(
        (
            ("/v1/models", 200),
            (f"/v1/models/{MODEL}", 200),
            ("/v1/models/none", 404),
            ("/moved/x", 302),
            ("/v1/pause", 404),
        )
    )
    return _get(target, status)


def _head(rng: random.Random) -> Sample:
    return _get(rng.choice(("/", "/v1/models", "/x?y")), method="HEAD")


def _absolute(rng: random.Random) -> Sample:
    return Sample(b"GET http://%b:80/a?b HTTP/1.1" % HOST.encode(), [b"Host: other.test"])


def _upgrade(rng: random.Random) -> Sample:
    made = _get("/ws")
    made.lines += [b"Connection: Upgrade", b"Upgrade: " + rng.choice((b"websocket", b"h2c")), b"Sec-WebSocket-Key: x"]
    return made


_WEIGHTED: dict[Callable[[random.Random], Sample], int] = {
    _chat: 24,
    _completions: 8,
    _inputs: 8,
    _escaped: 6,
    _form: 8,
    _unknown_model: 4,
    _plain: 10,
    _upload: 8,
    _read: 6,
    _own: 6,
    _head: 4,
    _absolute: 2,
    _upgrade: 2,
}
_KINDS = list(_WEIGHTED)
_WEIGHTS = list(_WEIGHTED.values())
