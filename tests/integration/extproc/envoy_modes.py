"""A real Envoy with a processing mode per route, the endpoint picker and the body-based router behind it, and two model
servers that tell what they got."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from ext_proc_yard import MANIFEST, Yard, endpoint

from modelyard.extproc.body_based_router import BodyBasedRouter
from modelyard.extproc.endpoint_picker import PROCESS, EndpointPicker
from modelyard.extproc.grpc_server import GrpcServer
from modelyard.local.envoy import find_envoy

ENVOY = find_envoy()
REWRITE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: alias}
spec:
  poolRef: {name: pool}
  rules: [{matches: [{model: {value: alias}}], targets: [{modelRewrite: "the-real-model", weight: 1}]}]
"""
MODES = {
    "fds": "FULL_DUPLEX_STREAMED",
    "streamed": "STREAMED",
    "buffered": "BUFFERED",
    "partial": "BUFFERED_PARTIAL",
    "none": "NONE",
}
TYPE = "type.googleapis.com/envoy.extensions"


class Endpoint:
    """A model server that tells what it got."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.go_on = asyncio.Event()
        """Where a request asks for it, its events wait for this after the first."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        seen = {
            "sha256": hashlib.sha256(body).hexdigest(),
            "path": request.path,
            "length": len(body),
            "said": request.headers.get("content-length"),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "model": json.loads(body)["model"] if body else None,
        }
        self.requests.append(seen)
        if body and json.loads(body).get("stream"):
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            for text in "abc":
                event = json.dumps({"model": seen["model"], "choices": [{"text": text}]})
                await response.write(f"data: {event}\n\n".encode())
                if "x-hold" in request.headers:
                    await self.go_on.wait()
            usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 3}}
            await response.write(f"data: {json.dumps({'model': seen['model'], 'choices': [], **usage})}\n\n".encode())
            await response.write(b"data: [DONE]\n\n")
            await response.write_eof()
            return response
        usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 3}}
        return web.json_response({"model": seen["model"], **usage, "seen": seen})


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """A free port that stays ours until the block ends: Envoy shares its listeners' ports (SO_REUSEPORT), so it binds
    this one while nobody who looks for a free port is given it. A socket that does not listen gets no connections."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def typed(name: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{TYPE}.{name}", **fields}


def mode_of(name: str) -> dict[str, str]:
    body = MODES[name]
    response = "NONE" if name == "none" else body
    trailers = {
        "fds": {"request_trailer_mode": "SEND", "response_trailer_mode": "SEND"},
        "none": {"response_trailer_mode": "SEND"},  # or the picker would not see the end of an answer
    }
    return {
        "request_header_mode": "SEND",
        "response_header_mode": "SEND",
        "request_body_mode": body,
        "response_body_mode": response,
        **trailers.get(name, {}),
    }


def bootstrap(
    listener: int, picker: int, router: int, pool: list[int], *, unprompted: bool, router_mode: str, limit: int
) -> dict[str, Any]:
    """``router_mode``: a body-based router comes before the picker, and routes under ``/routed`` match what it sets."""

    def address(port: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    def loads(name: str, ports: list[int]) -> dict[str, Any]:
        return {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}} for port in ports]}],
        }

    def route(name: str, prefix: str, **match: Any) -> dict[str, Any]:
        overrides = {"processing_mode": mode_of(name)}
        return {
            "match": {"prefix": f"{prefix}/{name}/", **match},
            "route": {"cluster": "pool", "prefix_rewrite": "/", "timeout": "0s"},
            "typed_per_filter_config": {
                "picker": typed("filters.http.ext_proc.v3.ExtProcPerRoute", overrides=overrides)
            },
        }

    alias = {"name": "x-gateway-model-name", "string_match": {"exact": "alias"}}
    routes = [route(name, "") for name in MODES] + [route(name, "/routed", headers=[alias]) for name in MODES]
    processor = typed(
        "filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": "picker"}},
        message_timeout="30s",
        allow_mode_override=True,
        send_body_without_waiting_for_header_response=unprompted,
        processing_mode=mode_of("streamed"),
        metadata_options={
            "forwarding_namespaces": {"untyped": ["envoy.lb", "envoy.lb.subset_hint"]},
            "receiving_namespaces": {"untyped": ["envoy.lb"]},
        },
    )
    body_router = typed(
        "filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": "body_router"}},
        message_timeout="30s",
        processing_mode={
            **mode_of(router_mode or "none"),
            "response_header_mode": "SKIP",
            "response_body_mode": "NONE",
        },
    )
    manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="http",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        http_filters=[
            *([{"name": "body_router", "typed_config": body_router}] if router_mode else []),
            {"name": "picker", "typed_config": processor},
            {"name": "router", "typed_config": typed("filters.http.router.v3.Router")},
        ],
    )
    override = typed(
        "load_balancing_policies.override_host.v3.OverrideHost",
        override_host_sources=[{"metadata": {"key": "envoy.lb", "path": [{"key": "x-gateway-destination-endpoint"}]}}],
        fallback_policy={
            "policies": [
                {
                    "typed_extension_config": {
                        "name": "envoy.load_balancing_policies.round_robin",
                        "typed_config": typed("load_balancing_policies.round_robin.v3.RoundRobin"),
                    }
                }
            ]
        },
    )
    http2 = typed("upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http2_protocol_options": {}})
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "in",
                    "address": address(listener),
                    "per_connection_buffer_limit_bytes": limit,
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "pool",
                    "type": "STATIC",
                    "load_assignment": loads("pool", pool),
                    "load_balancing_policy": {
                        "policies": [{"typed_extension_config": {"name": "override", "typed_config": override}}]
                    },
                },
                *(
                    {
                        "name": name,
                        "type": "STATIC",
                        "load_assignment": loads(name, [port]),
                        "typed_extension_protocol_options": {
                            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
                        },
                    }
                    for name, port in (("picker", picker), ("body_router", router))
                ),
            ],
        }
    }


class Edge:
    """Envoy, the picker, and two endpoints of which the picker knows that only the first serves the model."""

    def __init__(self, yard: Yard, url: str, chosen: Endpoint, other: Endpoint) -> None:
        self.yard, self.url, self.chosen, self.other = yard, url, chosen, other


@contextlib.asynccontextmanager
async def running(
    folder: Path, *, unprompted: bool = False, router_mode: str = "", limit: int = 8 << 20
) -> AsyncIterator[Edge]:
    async with contextlib.AsyncExitStack() as stack:
        servers: list[Endpoint] = []
        ports: list[int] = []
        for _ in range(2):
            server = Endpoint()
            app = web.Application(client_max_size=1 << 30)
            app.router.add_route("*", "/{path:.*}", server.handle)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            servers.append(server)
            ports.append(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        yard = Yard(MANIFEST + REWRITE)
        yard.fleet(endpoint(f"127.0.0.1:{ports[0]}", "m", "the-real-model"), endpoint(f"127.0.0.1:{ports[1]}", "other"))
        loop = asyncio.get_running_loop()
        yard.picker = EndpointPicker(yard.gateway, yard.records.append, loop.time, loop.call_later)
        grpc_server = GrpcServer(loop)
        stack.callback(grpc_server.close)
        _, picker_port = await grpc_server.listen("127.0.0.1", 0, {PROCESS: yard.picker.open})
        router = BodyBasedRouter(yard.gateway, lambda record: None, loop.time, loop.call_later)
        _, router_port = await grpc_server.listen("127.0.0.1", 0, {PROCESS: router.open})
        listener = stack.enter_context(held_port())
        config = folder / "envoy.json"
        bootstrapped = bootstrap(
            listener, picker_port, router_port, ports, unprompted=unprompted, router_mode=router_mode, limit=limit
        )
        config.write_text(json.dumps(bootstrapped))
        assert ENVOY is not None
        log = stack.enter_context((folder / "envoy.log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            ENVOY.path, "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "warning",
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip

        async def end() -> None:
            process.kill()
            await process.wait()

        stack.push_async_callback(end)
        url = f"http://127.0.0.1:{listener}"
        await ready(url, process, folder / "envoy.log")
        yield Edge(yard, url, servers[0], servers[1])


async def ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    port = int(url.rpartition(":")[2])
    for _ in range(600):
        assert process.returncode is None, f"Envoy ended: see {log}"
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("Envoy did not start")


def run(test: Callable[[], Any], seconds: float = 100) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test()

    uvloop.run(bounded())


async def at_rest(yard: Yard) -> None:
    for _ in range(1000):
        if not yard.gateway.open_exchanges:
            break
        await asyncio.sleep(0.01)
    yard.at_rest()


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 50_000):
        yield body[at : at + 50_000]
        await asyncio.sleep(0)


needs_envoy = pytest.mark.skipif(ENVOY is None, reason="no Envoy here; `modelyard engines install envoy` installs one")
