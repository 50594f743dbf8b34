"""Random and mutated answers of an endpoint: the gateway survives them, ends every exchange, and clients get HTTP or a
visible break.

The data plane runs in this process, so that its limits can be short. ``FUZZ_ANSWERS`` sets the number, ``FUZZ_SEED``
the beginning.
"""

from __future__ import annotations

import asyncio
import json
import os
import random

import pytest
from proxy.conftest import CHAT, GET, Peer, Yard, endpoint, run, yard

from modelyard.proxy.limits import ProxyLimits

from .conversation import NoAnswer, read_answers
from .mutations import LINES, PIECES

pytestmark = pytest.mark.integration

ANSWERS = int(os.environ.get("FUZZ_ANSWERS", "6000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
AT_ONCE = 100
LIMITS = ProxyLimits(upstream_stall=0.6, tunnel_idle=0.6, keep_alive_idle=1.0, linger=0.2)
"""An endpoint that stops in the middle is given up soon."""
HANGS_UP = 1.5
"""Seconds after which an endpoint closes a connection on which no request comes."""

_CHUNK = b'data: {"id":"c","model":"m","choices":[{"delta":{"content":"a"}}]}\n\n'
_USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
_JSON = json.dumps({"model": "m", "choices": [{}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def _chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


SEEDS = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_JSON) + _JSON,
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + _chunked(_CHUNK, _CHUNK, _USAGE, b"data: [DONE]\n\n"),
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + _CHUNK + _USAGE + b"data: [DONE]\n\n",
    b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\nretry-after: 1\r\nset-cookie: a=b\r\nset-cookie: c=d\r\n\r\nno",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nbytes",
]


def mutated(rng: random.Random) -> bytes:
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 300))
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.choice((1, 2, 8, 64))]
        elif kind == 2:
            other = rng.choice(SEEDS)
            data[at:] = other[rng.randrange(len(other)) :]
        elif kind == 3:
            data[:0] = data[: data.find(b"\r\n\r\n") + 4]
        elif kind == 4:
            line_end = data.find(b"\r\n") + 2
            data[line_end:line_end] = rng.choice(LINES) + b"\r\n"
        elif kind == 5:
            del data[at:]
        else:
            data[at:at] = rng.choice(PIECES)
    return bytes(data)


class Mutating:
    """An endpoint's behaviour: each answer is another one, sent in pieces; then the connection ends or stays."""

    def __init__(self) -> None:
        self._rng = random.Random(SEED)

    async def __call__(self, peer: Peer) -> None:
        rng = self._rng
        while True:
            try:
                async with asyncio.timeout(HANGS_UP):
                    await peer.request()
            except TimeoutError:
                peer.close()  # it may have answered nothing, which is waited for without end
                return
            data = mutated(rng)
            cut = rng.randrange(len(data) + 1)
            peer.send(data[:cut])
            await asyncio.sleep(0)
            if peer.writer.transport.is_closing():
                return
            peer.send(data[cut:])
            ending = rng.random()
            if ending < 0.1:
                peer.abort()
                return
            if ending < 0.5:
                peer.close()
                return


async def converse(gw: Yard, request: bytes, seen: dict[int, int]) -> None:
    peer = await gw.client()
    peer.send(request)
    try:
        async with asyncio.timeout(15.0):
            data = await peer.rest()
    except TimeoutError:
        raise AssertionError(f"{request!r} does not end") from None
    finally:
        peer.abort()
    try:
        for status in read_answers(data, [request.split(b" ")[0].decode()]):
            seen[status] = seen.get(status, 0) + 1
    except (NoAnswer, ValueError) as fault:
        raise AssertionError(f"{request!r} got {data!r}") from fault


@pytest.mark.timeout(120 + ANSWERS / 20)
def test_mutated_answers(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        rng = random.Random(SEED)
        close = b"\r\nConnection: close\r\n"
        requests = [CHAT.replace(b"\r\n", close, 1), GET.replace(b"\r\n", close, 1)]
        requests += [requests[1].replace(b"GET", b"HEAD"), requests[1].replace(b"HTTP/1.1", b"HTTP/1.0")]
        requests.append(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
        async with (
            endpoint(Mutating()) as one,
            endpoint(Mutating()) as two,
            yard(one.address, two.address, limits=LIMITS) as gw,
        ):
            left = ANSWERS
            seen: dict[int, int] = {}

            async def work() -> None:
                nonlocal left
                while left > 0:
                    left -= 1
                    await converse(gw, rng.choices(requests, (5, 3, 1, 1, 1))[0], seen)

            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
            print(sorted(seen.items()))
            assert seen[200] > ANSWERS / 10
            assert seen[502] > ANSWERS / 100

    run(test(), 100 + ANSWERS / 20)
    assert not [record for record in caplog.records if record.name.startswith("modelyard")], caplog.text[:3000]
