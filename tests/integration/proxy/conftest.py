"""A data plane over real sockets: the real Gateway, endpoints that do as a test says, clients that speak bytes."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.proxy.data_plane import DataPlane
from modelyard.proxy.limits import ProxyLimits
from modelyard.proxy.listeners import BACKLOG
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Settings, Snapshot, build_snapshot

GROUP = "default/gw:80"
POOL = BackendKey(kind="InferencePool", namespace="default", name="pool")
SERVICE = BackendKey(kind="Service", namespace="default", name="web", port=80)
MIRROR = BackendKey(kind="Service", namespace="default", name="mirror", port=80)

MANIFEST = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
  - matches: [{path: {type: PathPrefix, value: /request-timeout}}]
    timeouts: {request: 300ms}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /backend-timeout}}]
    timeouts: {backendRequest: 300ms}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /mirrored}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: mirror, port: 80}}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{name: web, port: 80}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec: {selector: {matchLabels: {app: a}}, targetPorts: [{number: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: mirror}
spec: {ports: [{port: 80}]}
"""

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHAT_BODY = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
CHAT = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(CHAT_BODY)
    + CHAT_BODY
)
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


def run(test: Coroutine[Any, Any, None], seconds: float = 20.0) -> None:
    """Run an async test on the loop that workers use, within a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test

    uvloop.run(bounded())


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for a state."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the state is anywhere, not behind an event
            await asyncio.sleep(0.005)


def snapshot_of(manifest: str, generation: int = 1, **settings: Any) -> Snapshot:
    loaded = load_documents(manifest, "test.yaml")
    assert not loaded.errors, [str(error) for error in loaded.errors]
    resources, errors = ResourceSet.of(loaded.objects)
    assert not errors
    return build_snapshot(resources, generation=generation, settings=Settings(**settings))


def fleet_of(backends: Mapping[BackendKey, list[str]], version: int = 1) -> Fleet:
    return Fleet(
        backends={
            key: BackendFleet(
                key=key,
                endpoints=tuple(EndpointState(endpoint=Endpoint(address=address)) for address in addresses),
                version=version,
            )
            for key, addresses in backends.items()
        },
        version=version,
    )


class Peer:
    """One end of a raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, count: int) -> bytes:
        return await self.reader.readexactly(count)

    async def until(self, end: bytes) -> bytes:
        return await self.reader.readuntil(end)

    async def rest(self) -> bytes:
        """Everything until the other side closes; what a reset leaves is given too."""
        data = b""
        try:
            while piece := await self.reader.read(65536):
                data += piece
        except ConnectionError:
            pass
        return data

    async def request(self) -> tuple[bytes, bytes]:
        """As an endpoint: the next request's head and body."""
        head = await self.head()
        if re.search(rb"\r\ntransfer-encoding: chunked\r\n", head, re.IGNORECASE):
            body = b""
            while size := int(await self.until(b"\r\n"), 16):
                body += await self.exactly(size)
                await self.exactly(2)
            await self.exactly(2)
            return head, body
        length = re.search(rb"\r\ncontent-length: ([0-9]+)\r\n", head, re.IGNORECASE)
        return head, await self.exactly(int(length[1])) if length else b""

    async def response(self) -> tuple[int, bytes, bytes]:
        """As a client: status, head and body of an answer framed by length or chunks."""
        head, body = await self.request()
        return int(head.split(b" ")[1]), head, body

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        """Close with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        if not self.writer.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Peer], Awaitable[None]]


class Endpoint_:
    """A server that does with each connection what its behaviour says."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.connections: list[Peer] = []
        self.lost = 0
        """Connections that the other side ended."""
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.connections.append(peer)
        try:
            await self.behave(peer)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        self.lost += 1
        writer.close()


@asynccontextmanager
async def endpoint(behave: Behaviour) -> AsyncIterator[Endpoint_]:
    server_side = Endpoint_(behave)
    server = await asyncio.start_server(server_side.serve, "127.0.0.1", 0, backlog=BACKLOG)
    host, port = server.sockets[0].getsockname()
    server_side.address = f"{host}:{port}"
    try:
        yield server_side
    finally:
        server.close()
        for peer in server_side.connections:
            peer.abort()


async def answer_ok(peer: Peer) -> None:
    """An endpoint that answers every request."""
    while True:
        await peer.request()
        peer.send(OK)


def always(data: bytes) -> Behaviour:
    """An endpoint that answers every request with ``data``."""

    async def behave(peer: Peer) -> None:
        while True:
            await peer.request()
            peer.send(data)

    return behave


def once(data: bytes) -> Behaviour:
    """An endpoint that answers one request with ``data``, then closes."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        peer.send(data)
        peer.close()

    return behave


class Yard:
    """A data plane on a loopback port."""

    def __init__(self, plane: DataPlane, gateway: Gateway, port: int, records: list[ExchangeRecord]) -> None:
        self.plane = plane
        self.gateway = gateway
        self.port = port
        self.records = records

    async def client(self) -> Peer:
        return Peer(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """One request on a connection of its own."""
        peer = await self.client()
        peer.send(request)
        answer = await peer.response()
        peer.close()
        return answer

    def serve_by(self, *addresses: str, mirror: str = "") -> None:
        """Give the pool and the Service these endpoints."""
        backends = {POOL: list(addresses), SERVICE: list(addresses), MIRROR: [mirror] if mirror else []}
        self.gateway.update_fleet(fleet_of(backends), 0.0)

    async def all_released(self) -> None:
        """Every exchange ended and every counter went back."""
        await until(lambda: not self.gateway.open_exchanges)
        assert not any(counts for counts in self.gateway.in_flight().values())


@asynccontextmanager
async def yard(
    *addresses: str, mirror: str = "", limits: ProxyLimits | None = None, **settings: Any
) -> AsyncIterator[Yard]:
    loop = asyncio.get_running_loop()
    gateway = Gateway(snapshot_of(MANIFEST, **settings), random.Random(1))
    records: list[ExchangeRecord] = []
    plane = DataPlane(loop, gateway, records.append, limits or ProxyLimits())
    server = await loop.create_server(plane.protocol_factory(GROUP), "127.0.0.1", 0, backlog=BACKLOG)
    running = Yard(plane, gateway, server.sockets[0].getsockname()[1], records)
    running.serve_by(*addresses, mirror=mirror)
    try:
        yield running
        await running.all_released()
    finally:
        server.close()
        plane.close()
