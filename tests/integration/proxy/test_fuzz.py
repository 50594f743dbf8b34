"""Random and mutated requests: never a crash, a hang, or a 5xx of the gateway's own making.

``MODELYARD_FUZZ`` sets the number of requests; ``integration/fuzz`` sends 100,000 to a whole gateway. The mutations are
the same in each run, by their seed.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import CHAT, CHAT_BODY, GET, Yard, answer_ok, endpoint, run, yard

pytestmark = pytest.mark.integration

COUNT = int(os.environ.get("MODELYARD_FUZZ", "20000"))
AT_ONCE = 400

SEEDS = [
    GET,
    CHAT,
    GET + CHAT,
    b"HEAD /x?y=z HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    b"GET http://a.example/p?q HTTP/1.1\r\nHost: b\r\nConnection: close, x\r\nX: 1\r\n\r\n",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(CHAT_BODY), CHAT_BODY),
    b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
]
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"%2f",
    b"%00",
    b"..",
    b"//",
    b"\xff",
    b"\xc3\xa4",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: b\r\n",
    b"Connection: close\r\n",
    b"0\r\n\r\n",
    b"99999999999999999999",
    b"-1",
    b"HTTP/1.1",
    b'{"model":',
    b"[" * 200,
    b"a" * 5000,
]


def mutated(rng: random.Random) -> bytes:
    """A seed with a few small wounds; sometimes nothing but noise."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 300))
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = rng.choice(PIECES)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 12)]
        elif kind == 3 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 4:
            other = rng.choice(SEEDS)
            data[at:] = other[rng.randrange(len(other)) :]
        else:
            data[at:at] = data[max(0, at - rng.randrange(1, 30)) : at]
    return bytes(data)


def statuses(answer: bytes) -> list[int]:
    """The statuses of all responses in ``answer``; each must be whole (the endpoint and the gateway give lengths)."""
    found = []
    while answer:
        head, end, rest = answer.partition(b"\r\n\r\n")
        assert end, answer[:200]
        assert head.startswith(b"HTTP/1.1 "), answer[:200]
        status = int(head[9:12])
        found.append(status)
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        answer = rest[int(length[0][15:]) :] if length and not ends_with_head(status, rest) else rest
    return found


def ends_with_head(status: int, rest: bytes) -> bool:
    """An answer to HEAD has a length but no body: then the next answer, or nothing, follows its head."""
    return status < 200 or status in (204, 304) or not rest or rest.startswith(b"HTTP/1.1 ")


async def try_one(gw: Yard, data: bytes, rng: random.Random) -> list[int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cut = rng.randrange(len(data) + 1) if rng.random() < 0.3 else len(data)
    writer.write(data[:cut])
    await asyncio.sleep(0)
    writer.write(data[cut:])
    answer = b""
    try:
        async with asyncio.timeout(60):
            while piece := await reader.read(65536):
                answer += piece
    except ConnectionError:
        pass
    writer.transport.abort()
    return statuses(answer)


@pytest.mark.timeout(600)
def test_mutated_requests() -> None:
    async def test() -> None:
        rng = random.Random(20260101)
        limits = ProxyLimits(header_timeout=0.3, body_idle=0.3, keep_alive_idle=0.3, linger=0.3, upstream_stall=0.5)
        async with endpoint(answer_ok) as server, yard(server.address, limits=limits) as gw:
            left = COUNT
            seen: dict[int, int] = {}

            async def attack() -> None:
                nonlocal left
                while left > 0:
                    left -= 1
                    data = mutated(rng)
                    for status in await try_one(gw, data, rng):
                        seen[status] = seen.get(status, 0) + 1
                        assert status < 500, data

            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(attack())
            assert seen[200] > COUNT / 20
            assert seen[400] > COUNT / 20
            assert (await gw.ask(GET))[0] == 200

    run(test(), 560)
