"""The application of ``examples/ray-multiplexing`` without Ray and vLLM: what it reads, refuses and passes on."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelyard.findings.table import manifest_findings
from modelyard.manifests.reading import read_manifests
from modelyard.snapshot import build_snapshot

FOLDER = Path(__file__).parents[2] / "examples/ray-multiplexing"
TWO = {"MODEL_1_ID": "one", "MODEL_2_ID": "/gcs/org/two", "MODEL_2_SOURCE": "/w/two", "MODEL_2_FLAGS": "--seed 3"}


@pytest.fixture(scope="module")
def part() -> Iterator[Any]:
    sys.path.insert(0, str(FOLDER / "app"))
    yield lambda name: importlib.import_module(f"multiplexing.{name}")
    sys.path.remove(str(FOLDER / "app"))


def test_the_manifests_are_right():
    read = read_manifests([FOLDER])
    assert read.errors == ()
    assert build_snapshot(read.resource_set).problems == ()
    assert [remark.check for remark in manifest_findings(read.resource_set)] == ["local-code"]


def test_models_of_the_environment(part):
    settings: ModuleType = part("settings")
    one, two = settings.read_models(TWO)
    assert (one.id, one.source, one.tensor_parallelism, one.deployment_name) == ("one", "one", 1, "Model:one")
    assert (two.source, two.flags, two.deployment_name) == ("/w/two", ("--seed", "3"), "Model:gcs--org--two")


@pytest.mark.parametrize("environment", [{}, {"MODEL_2_ID": "b"}, {"MODEL_1_ID": "a", "MODEL_2_ID": "a"}])
def test_no_models_or_one_name_twice(part, environment):
    with pytest.raises(ValueError, match="MODEL_"):
        part("settings").read_models(environment)


def test_the_body_names_the_model(part):
    named = part("openai_requests").model_named_by
    assert named(b'{"model": "one"}', "") == "one"
    assert named(b'{"model": "one"}', "one") == "one"


@pytest.mark.parametrize(
    ("body", "header"), [(b"{", ""), (b"[]", ""), (b'{"model": 3}', ""), (b"{}", "one"), (b'{"model": "one"}', "two")]
)
def test_what_is_refused(part, body, header):
    requests = part("openai_requests")
    with pytest.raises(requests.Refused) as refused:
        requests.model_named_by(body, header)
    assert refused.value.status == 400
    assert refused.value.body["error"]["type"] == "invalid_request_error"


def test_an_unknown_model_in_openai_s_form(part):
    refused = part("openai_requests").unknown_model("nobody")
    assert (refused.status, refused.body["error"]["code"]) == (404, "model_not_found")


async def echo(scope, receive, send) -> None:
    """An application that answers with its request."""
    request = await receive()
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["path"].encode(), "more_body": True})
    await send({"type": "http.response.body", "body": request["body"]})


async def collected(parts) -> list[Any]:
    async with asyncio.timeout(5):
        return [item async for item in parts]


def test_a_call_inside_the_process(part):
    parts = asyncio.run(collected(part("asgi_call").call(echo, "/v1/completions", b"{}")))
    assert parts == [(201, {"content-type": "text/plain"}), b"/v1/completions", b"{}"]


def test_a_failing_application_fails_the_call(part):
    async def broken(scope, receive, send) -> None:
        raise RuntimeError("engine is dead")

    with pytest.raises(RuntimeError, match="engine is dead"):
        asyncio.run(collected(part("asgi_call").call(broken, "/", b"")))


def test_a_reader_that_leaves_ends_the_work(part):
    ended = asyncio.Event()

    async def endless(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"more", "more_body": True})
        finally:
            ended.set()

    async def leave() -> None:
        async with asyncio.timeout(5):
            parts = part("asgi_call").call(endless, "/", b"")
            assert await anext(parts) == (200, {})
            assert await anext(parts) == b"more"
            await parts.aclose()
            await ended.wait()

    asyncio.run(leave())
