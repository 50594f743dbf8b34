"""The endpoint picker under a real Envoy, in every body mode: what endpoints and clients get."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from pathlib import Path

import aiohttp
import pytest
from envoy_modes import MODES, Edge, at_rest, needs_envoy, pieces, run, running
from ext_proc_yard import POOL, Yard

pytestmark = [pytest.mark.integration, pytest.mark.envoy]


@needs_envoy
@pytest.mark.parametrize("unprompted", [False, True])
def test_every_mode(tmp_path: Path, unprompted: bool) -> None:
    async def test() -> None:
        rng = random.Random(1)
        modes = ["streamed"] if unprompted else list(MODES)
        async with (
            running(tmp_path, unprompted=unprompted, limit=32 << 10 if unprompted else 8 << 20) as edge,
            aiohttp.ClientSession() as session,
        ):
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


@needs_envoy
@pytest.mark.parametrize(("mode", "limit"), [("fds", 32 << 10), ("buffered", 64 << 20)])
def test_router_and_picker_in_one_chain_with_bodies_of_20_megabytes(tmp_path: Path, mode: str, limit: int) -> None:
    async def test() -> None:
        async with running(tmp_path, router_mode=mode, limit=limit) as edge, aiohttp.ClientSession() as session:
            url = f"{edge.url}/routed/{mode}/v1/completions"
            for size in (10, 10 << 20):
                prompt = random.Random(size).randbytes(size).hex()
                for chunked in (False, True):
                    body = json.dumps({"prompt": prompt, "model": "alias"}).encode()
                    wanted = body.replace(b'"alias"', b'"the-real-model"')
                    async with session.post(
                        url, data=pieces(body) if chunked else body, headers={"x-gateway-model-name": "forged"}
                    ) as answer:
                        assert answer.status == 200, await answer.text()
                        assert (await answer.json())["model"] == "alias"
                    assert edge.chosen.requests[-1]["sha256"] == hashlib.sha256(wanted).hexdigest()
                    assert edge.chosen.requests[-1]["headers"]["x-gateway-model-name"] == "alias"
            before = len(edge.chosen.requests)
            for body, status in ((b'{"model": "m"}', 404), (b"nonsense", 400), (b"{}", 400)):
                async with session.post(url, data=body, headers={"x-gateway-model-name": "alias"}) as answer:
                    assert answer.status == status
            assert len(edge.chosen.requests) == before, "a client's own header chose the route"
            await at_rest(edge.yard)

    run(test)


@needs_envoy
def test_a_router_that_is_streamed_to_routes_small_bodies(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, router_mode="streamed") as edge, aiohttp.ClientSession() as session:
            url = f"{edge.url}/routed/buffered/v1/completions"
            for body, status in ((b'{"model": "alias"}', 200), (b'{"model": "m"}', 404)):
                async with session.post(url, data=body, headers={"x-gateway-model-name": "forged"}) as answer:
                    assert answer.status == status
            assert [seen["model"] for seen in edge.chosen.requests] == ["the-real-model"]
            await at_rest(edge.yard)

    run(test)


@needs_envoy
def test_clients_that_leave_at_any_moment(tmp_path: Path) -> None:
    """Envoy 1.40 lives on; what arrives is whole, and nothing is left."""

    async def test() -> None:
        rng = random.Random(3)
        async with running(tmp_path, limit=1 << 20) as edge, aiohttp.ClientSession() as session:
            some = asyncio.Semaphore(16)

            async def one(number: int) -> None:
                mode = rng.choice(["fds", "streamed", "buffered", "partial"])
                ask = {"model": "alias", "prompt": rng.randbytes(rng.choice([0, 3000, 100_000])).hex()}
                body = json.dumps({**ask, "stream": rng.random() < 0.5}).encode()
                wanted = hashlib.sha256(body.replace(b'"alias"', b'"the-real-model"')).hexdigest()
                leaves = rng.random() < 0.3
                timeout = aiohttp.ClientTimeout(total=rng.random() * 0.03 + 0.001 if leaves else 60)
                headers = {"x-gateway-model-name": "alias", "x-number": str(number)}
                url = f"{edge.url}/{mode}/v1/completions"
                data = pieces(body) if rng.random() < 0.5 else body
                async with some:
                    try:
                        async with session.post(url, data=data, headers=headers, timeout=timeout) as answer:
                            assert answer.status == 200
                            await answer.read()
                    except TimeoutError:
                        assert leaves
                        return
                (seen,) = [got for got in edge.chosen.requests if got["headers"]["x-number"] == str(number)]
                assert seen["sha256"] == wanted, mode

            await asyncio.gather(*(one(number) for number in range(250)))
            await at_rest(edge.yard)

    run(test)
