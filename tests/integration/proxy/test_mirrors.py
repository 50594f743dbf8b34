"""Copies of requests: they arrive, and they never change what the client gets."""

from __future__ import annotations

import pytest

from .conftest import MANIFEST, OK, Peer, answer_ok, endpoint, run, snapshot_of, until, yard

pytestmark = pytest.mark.integration

GET = b"GET /mirrored HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /mirrored HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /mirrored HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED])
def test_a_copy_arrives_whole(request_bytes: bytes) -> None:
    async def test() -> None:
        copies = []

        async def take(peer: Peer) -> None:
            while True:
                copies.append(await peer.request())
                peer.send(b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno")

        async with (
            endpoint(answer_ok) as server,
            endpoint(take) as other,
            yard(server.address, mirror=other.address) as gw,
        ):
            client = await gw.client()
            for _ in range(3):
                client.send(request_bytes)
                assert (await client.response())[::2] == (200, b"ok")
            await until(lambda: len(copies) == 3)
            assert {body for _, body in copies} == {b"" if request_bytes is GET else b"hello"}

    run(test())


@pytest.mark.parametrize("how", ["refuse", "reset", "hang"])
def test_a_mirror_that_fails_is_not_noticed(how: str) -> None:
    async def test() -> None:
        async def fail(peer: Peer) -> None:
            await peer.request()
            if how == "reset":
                peer.abort()

        async with endpoint(answer_ok) as server, endpoint(fail) as other:
            address = "127.0.0.1:1" if how == "refuse" else other.address
            async with yard(server.address, mirror=address) as gw:
                client = await gw.client()
                for _ in range(3):
                    client.send(POST)
                    assert (await client.response())[0] == 200

    run(test())


def test_a_client_that_leaves_half_way_takes_its_copy_along() -> None:
    async def test() -> None:
        async def half(peer: Peer) -> None:
            await peer.head()

        async with (
            endpoint(half) as server,
            endpoint(half) as other,
            yard(server.address, mirror=other.address) as gw,
        ):
            client = await gw.client()
            client.send(POST[:-2])
            await until(lambda: server.connections and other.connections)
            client.close()
            await until(lambda: server.lost and other.lost)

    run(test())


def test_a_mirror_that_takes_nothing_is_dropped() -> None:
    async def test() -> None:
        async def take(peer: Peer) -> None:
            await peer.head()
            await peer.exactly(16 << 20)
            peer.send(OK)

        async def stuck(peer: Peer) -> None:
            peer.writer.transport.pause_reading()

        async with (
            endpoint(take) as server,
            endpoint(stuck) as other,
            yard(server.address, mirror=other.address) as gw,
        ):
            client = await gw.client()
            client.send(b"POST /mirrored HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (16 << 20))
            client.send(b"x" * (16 << 20))
            assert (await client.response())[0] == 200

    run(test())


POOL_MIRROR = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: embeddings}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1/embeddings}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: mirror, port: 80}}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
"""


def test_a_long_body_that_is_here_whole_is_copied_whole() -> None:
    async def test() -> None:
        copies = []

        async def take(peer: Peer) -> None:
            while True:
                copies.append(await peer.request())
                peer.send(OK)

        async with (
            endpoint(answer_ok) as server,
            endpoint(take) as other,
            yard(server.address, mirror=other.address) as gw,
        ):
            gw.gateway.swap(snapshot_of(MANIFEST + POOL_MIRROR, 2))
            body = b'{"model": "m", "input": "%b"}' % (b"x" * (3 << 20))
            client = await gw.client()
            for count in (1, 2):
                client.send(b"POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(body))
                client.send(b"Content-Type: application/json\r\n\r\n" + body)
                assert (await client.response())[0] == 200
                await until(lambda count=count: len(copies) == count)
            assert [copy for _, copy in copies] == [body, body]

    run(test())
