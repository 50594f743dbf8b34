"""Routes that are added to the admin API, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
import pytest

from modelyard.admin.route import Call, Refused, Route
from modelyard.admin.server import AdminServer
from modelyard.admin.source import AdminSource

pytestmark = pytest.mark.integration


class Source:
    """What these tests need of one."""

    def replicas(self) -> list[dict[str, Any]]:
        return []


async def echo(call: Call) -> Any:
    return {"path": call.path, "query": call.query, "body": call.body}


async def refuse(call: Call) -> Any:
    raise Refused("nothing to undo", status=409, code="nothing_to_undo")


async def reject(call: Call) -> Any:
    raise ValueError("revision must be a number")


ROUTES = (
    Route(method="POST", path="/api/echo/{namespace}/{name}", run=echo),
    Route(method="GET", path="/api/echo", run=echo),
    Route(method="POST", path="/api/refuse", run=refuse),
    Route(method="POST", path="/api/reject", run=reject),
)


def with_api(test: Callable[[str, aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            server = AdminServer(cast(AdminSource, Source()), ROUTES)
            port = await server.start("127.0.0.1", 0)
            try:
                await test(f"http://127.0.0.1:{port}", session)
            finally:
                await server.stop()

    asyncio.run(run())


def test_a_route_gets_its_path_its_query_and_its_object() -> None:
    async def test(url: str, session: aiohttp.ClientSession) -> None:
        async with session.post(f"{url}/api/echo/default/m?wait=1", json={"revision": 2}) as answer:
            assert answer.status == 200
            said = {"path": {"namespace": "default", "name": "m"}, "query": {"wait": "1"}, "body": {"revision": 2}}
            assert await answer.json() == said
        async with session.post(f"{url}/api/echo/a/b", headers={"content-type": "application/json"}) as answer:
            assert (await answer.json())["body"] == {}
        async with session.get(f"{url}/api/echo?x=y") as answer:
            assert (await answer.json())["query"] == {"x": "y"}

    with_api(test)


@pytest.mark.parametrize(
    ("path", "status", "code"), [("refuse", 409, "nothing_to_undo"), ("reject", 400, "invalid_request")]
)
def test_a_refusal_has_its_status_and_the_one_shape_of_errors(path: str, status: int, code: str) -> None:
    async def test(url: str, session: aiohttp.ClientSession) -> None:
        async with session.post(f"{url}/api/{path}", json={}) as answer:
            assert answer.status == status
            assert (await answer.json())["error"]["code"] == code

    with_api(test)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    async def test(url: str, session: aiohttp.ClientSession) -> None:
        headers = {"content-type": "application/json"}
        async with session.post(f"{url}/api/echo/a/b", data=body, headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["code"] == "invalid_json"

    with_api(test)


def test_what_a_page_of_another_site_can_send_is_refused() -> None:
    async def test(url: str, session: aiohttp.ClientSession) -> None:
        rebound = {"host": "evil.example:9901"}
        async with session.get(f"{url}/api/replicas", headers=rebound) as answer:
            assert answer.status == 403
            assert "access-control-allow-origin" not in answer.headers
        async with session.post(f"{url}/api/echo/a/b", data=json.dumps({}).encode()) as answer:
            assert answer.status == 415
        async with session.options(f"{url}/api/echo/a/b", headers={"origin": "http://evil.example"}) as answer:
            assert answer.status >= 400
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        async with session.get(f"{url}/api/replicas") as answer:
            assert answer.status == 200

    with_api(test)
