"""The client of Serve's REST interface against a server that answers like Ray's dashboard and proxy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from modelyard.local.ray import serve_api as serve_api_module
from modelyard.local.ray.serve_api import ServeApi, ServeRefused, ServeUnreachable

pytestmark = pytest.mark.integration


class Ray:
    """One server for both: it keeps what was put, and answers with ``status``."""

    def __init__(self) -> None:
        self.status, self.text = 200, ""
        self.put: list[Any] = []
        self.tokens: set[str] = set()
        self.hang = asyncio.Event()
        self.hangs = False

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("authorization", ""))
        if self.hangs:
            await self.hang.wait()
        if request.method == "PUT":
            self.put.append(await request.json())
        if request.path == "/-/routes":
            return web.json_response({"/": "hello"})
        body = self.text or json.dumps({"applications": {"hello": {"status": "RUNNING"}}})
        return web.Response(status=self.status, text=body)


def run(story: Callable[[ServeApi, Ray], Awaitable[None]]) -> None:
    async def told() -> None:
        ray = Ray()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", ray.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        api = ServeApi(url, url, "secret")
        try:
            async with asyncio.timeout(30):
                await story(api, ray)
        finally:
            ray.hang.set()
            await api.close()
            await runner.cleanup()

    asyncio.run(told())


def test_it_deploys_and_reads_with_its_token():
    async def story(api: ServeApi, ray: Ray) -> None:
        await api.deploy({"applications": []})
        assert ray.put == [{"applications": []}]
        assert (await api.status()).all_running(("hello",))
        assert ray.tokens == {"Bearer secret"}
        assert await api.routes() == {"/": "hello"}
        assert (await api.health()).state == "well"

    run(story)


def test_a_refusal_carries_rays_reason():
    async def story(api: ServeApi, ray: Ray) -> None:
        ray.status, ray.text = 400, "1 validation error: route_prefix"
        with pytest.raises(ServeRefused, match="route_prefix"):
            await api.deploy({})

    run(story)


@pytest.mark.parametrize(("status", "text"), [(503, "GCS is down"), (200, "<html>"), (401, "Unauthorized")])
def test_anything_else_may_help_when_asked_again(status: int, text: str):
    async def story(api: ServeApi, ray: Ray) -> None:
        ray.status, ray.text = status, text
        with pytest.raises(ServeUnreachable):
            await api.status()

    run(story)


def test_the_proxys_states(monkeypatch: pytest.MonkeyPatch):
    async def story(api: ServeApi, ray: Ray) -> None:
        ray.status, ray.text = 503, "This node is being drained."
        health = await api.health()
        assert (health.state, health.problem) == ("unwell", "/-/healthz answered 503: This node is being drained.")
        monkeypatch.setattr(serve_api_module, "HEALTH_SECONDS", 0.05)
        ray.hangs = True
        assert (await api.health()).state == "silent"

    run(story)


def test_nobody_there_is_gone():
    async def told() -> None:
        api = ServeApi("http://127.0.0.1:9", "http://127.0.0.1:9", "")
        assert (await api.health()).state == "gone"
        assert await api.routes() == {}
        with pytest.raises(ServeUnreachable):
            await api.deploy({})
        await api.close()

    asyncio.run(told())
