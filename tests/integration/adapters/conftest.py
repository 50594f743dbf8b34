"""A data plane, the scraper that tells it of its endpoints, and simulated engines: real sockets, one event loop."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
import uvloop

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.delta import FleetDelta, apply, diff
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.proxy.data_plane import DataPlane
from modelyard.proxy.limits import ProxyLimits
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.scrape.scraper import Scraper
from modelyard.sim.server import SimHandle, running_sim
from modelyard.sim.settings import INSTANT, SimSettings
from modelyard.snapshot import Settings, build_snapshot

GROUP = "default/gw:80"
POOL = BackendKey(kind="InferencePool", namespace="default", name="pool")
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
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec: {selector: {matchLabels: {app: a}}, targetPorts: [{number: 8000}]}
"""
_MARK = re.compile(r"\[lora (\S+) from (\S+)\]")


class Said(NamedTuple):
    """What a client got."""

    status: int
    models: frozenset[str]
    """Every model name in the answer."""
    weights: str
    """Path of the adapter whose weights answered; empty: the base model's."""
    whole: bool
    text: str


def run(test: Coroutine[Any, Any, None], seconds: float = 90.0) -> None:
    """Run an async test on the loop that workers use, within a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test

    uvloop.run(bounded())


class Pool:
    """One pool of simulated engines behind a data plane."""

    def __init__(self, scraper: Scraper, gateway: Gateway, session: aiohttp.ClientSession, url: str) -> None:
        self.scraper, self.gateway, self.session, self.url = scraper, gateway, session, url
        self.records: list[ExchangeRecord] = []
        self.fleet = Fleet()
        self.sims: list[SimHandle] = []
        self._stacks: list[AsyncExitStack] = []

    # ── engines ──

    async def start(self, port: int = 0, **settings: Any) -> SimHandle:
        """One engine, added to the pool unless its port is there already."""
        stack = AsyncExitStack()
        quick = {**INSTANT, "model": "base", "output_tokens": 20, **settings}
        sim = await stack.enter_async_context(running_sim(SimSettings(**quick), port=port))
        self._stacks.append(stack)
        self.sims.append(sim)
        return sim

    async def stop(self, sim: SimHandle) -> None:
        """It ends at once, as a killed engine does."""
        index = self.sims.index(sim)
        del self.sims[index]
        await self._stacks.pop(index).aclose()

    def watch(self) -> None:
        """Send traffic to the engines that there are."""
        specs = tuple(EndpointSpec(endpoint=Endpoint(address=sim.address, name=sim.address)) for sim in self.sims)
        self.scraper.set_backends({POOL: BackendSpec(key=POOL, endpoints=specs)})

    async def ready(self) -> None:
        """Every engine takes traffic and has said what it serves."""
        await self.until(lambda: self.states() and all(s.ready and s.models for s in self.states().values()))

    async def close(self) -> None:
        for stack in self._stacks:
            await stack.aclose()

    def states(self) -> Mapping[str, Any]:
        backend = self.fleet.backends.get(POOL)
        return {state.endpoint.address: state for state in backend.endpoints} if backend else {}

    # ── adapters ──

    async def load(self, sim: SimHandle, name: str, path: str) -> None:
        """vLLM's load call."""
        await self._call(sim, "load_lora_adapter", {"lora_name": name, "lora_path": path})

    async def unload(self, sim: SimHandle, name: str) -> None:
        await self._call(sim, "unload_lora_adapter", {"lora_name": name})

    async def _call(self, sim: SimHandle, what: str, body: Mapping[str, str]) -> None:
        async with self.session.post(f"http://{sim.address}/v1/{what}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    def waiting(self) -> int:
        """Requests that wait for an adapter."""
        return sum(sum(row.values()) for row in self.gateway.waiting_for_loads().values())

    # ── clients ──

    async def ask(self, model: str, *, stream: bool = False, **fields: Any) -> Said:
        """One chat request to the gateway."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **fields}
        async with self.session.post(f"{self.url}/v1/chat/completions", json=body) as answer:
            text = await answer.text()
            if answer.status != 200:
                return Said(answer.status, frozenset(), "", True, text)
            return _streamed(text) if stream else _said([json.loads(text)], "message", True)

    async def listed(self) -> dict[str, str | None]:
        """The merged list: id -> parent."""
        async with self.session.get(f"{self.url}/v1/models") as answer:
            return {item["id"]: item["parent"] for item in (await answer.json())["data"]}

    async def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait for a state."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the state is anywhere, not behind an event
                await asyncio.sleep(0.005)

    def assert_idle(self) -> None:
        """Everything that was counted has gone back."""
        assert self.gateway.open_exchanges == 0
        assert not any(self.gateway.in_flight().values())
        assert self.waiting() == 0


def _streamed(text: str) -> Said:
    lines = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    whole = bool(lines) and lines[-1] == "[DONE]"
    return _said([json.loads(line) for line in lines if line != "[DONE]"], "delta", whole)


def _said(answers: list[Any], part: str, whole: bool) -> Said:
    models = frozenset(answer.get("model", "") for answer in answers)
    text = "".join(choice[part].get("content") or "" for answer in answers for choice in answer.get("choices", ()))
    mark = _MARK.search(text)
    return Said(200, models, mark[2] if mark else "", whole, text)


@asynccontextmanager
async def pool(**settings: Any) -> AsyncIterator[Pool]:
    """A pool without engines yet; ``settings`` of the data plane."""
    resources, errors = ResourceSet.of(load_documents(MANIFEST, "test.yaml").objects)
    assert not errors
    loop = asyncio.get_running_loop()
    snapshot = build_snapshot(resources, settings=Settings(**settings))
    made: list[Pool] = []

    def changed(fleet: Fleet) -> None:
        """As control process and worker do: the difference, as msgpack."""
        here = made[0]
        delta = msgspec.msgpack.decode(msgspec.msgpack.encode(diff(here.fleet, fleet)), type=FleetDelta)
        here.fleet = apply(here.fleet, delta)
        here.gateway.update_fleet(here.fleet, time.monotonic())

    scraper = Scraper(changed)
    gateway = Gateway(
        snapshot,
        random.Random(1),
        on_failure=lambda address, kind, at: scraper.report_failure(address, at),
        on_missing=scraper.model_missing,
    )
    plane = DataPlane(loop, gateway, lambda record: made[0].records.append(record), ProxyLimits())
    plane.wheel.every_tick(gateway.step)
    server = await loop.create_server(plane.protocol_factory(GROUP), "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        made.append(Pool(scraper, gateway, session, f"http://127.0.0.1:{port}"))
        try:
            yield made[0]
        finally:
            server.close()
            await plane.drain(0.0)
            await scraper.close()
            await made[0].close()
