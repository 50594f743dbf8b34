"""Adapters: vLLM's calls, slots, and Ray's names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.integration
LOAD, UNLOAD = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"


def test_loading_and_unloading(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert (await server.chat(model="a"))[0] == 404
        loaded = await server.post(LOAD, {"lora_name": "a", "lora_path": "/a", "base_model_name": "m"})
        assert loaded == (200, "Success: LoRA adapter 'a' added successfully.")
        _, models = await server.get("/v1/models")
        assert [(card["id"], card["parent"], card["root"]) for card in models["data"]][1] == ("a", "m", "/a")
        assert (await server.chat(model="a"))[1]["model"] == "a"
        unloaded = await server.post(UNLOAD, {"lora_name": "a"})
        assert unloaded == (200, "Success: LoRA adapter 'a' removed successfully.")
        assert (await server.chat(model="a"))[0] == 404

    run(scenario, enable_lora=True)


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        (LOAD, {"lora_name": "", "lora_path": "/a"}, 400, "InvalidUserInput"),
        (LOAD, {"lora_name": "m", "lora_path": "/a"}, 400, "InvalidUserInput"),
        (LOAD, {"lora_name": "there", "lora_path": "/a"}, 400, "InvalidUserInput"),
        (LOAD, {"lora_name": "a", "lora_path": "/missing"}, 404, "NotFoundError"),
        (LOAD, {"lora_name": "a"}, 400, "Bad Request"),
        (UNLOAD, {"lora_name": "a"}, 404, "NotFoundError"),
        (UNLOAD, {"lora_name": ""}, 400, "InvalidUserInput"),
    ],
)
def test_what_vllm_refuses(run: Any, path: str, body: Any, status: int, kind: str) -> None:
    async def scenario(server: Any) -> None:
        got, answer = await server.post(path, body)
        assert (got, answer["error"]["type"], answer["error"]["code"]) == (status, kind, status)

    run(scenario, lora={"there": "/there"}, missing_lora_paths=("/missing",))


def test_loading_in_place_is_allowed_when_asked_for(run: Any) -> None:
    async def scenario(server: Any) -> None:
        body = {"lora_name": "there", "lora_path": "/new", "load_inplace": True}
        assert (await server.post(LOAD, body))[0] == 200
        assert server.sim.engine.adapters.paths == {"there": "/new"}

    run(scenario, lora={"there": "/there"})


def test_adapters_wait_for_a_slot_and_the_metrics_say_so(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chats = [asyncio.ensure_future(server.chat(model=name, max_tokens=1000)) for name in "ab"]
        await server.until(lambda: server.sim.engine.deferred == 1)
        _, page = await server.get("/metrics")
        assert 'vllm:lora_requests_info{max_lora="1",running_lora_adapters="a",waiting_lora_adapters="b"}' in page
        for chat in chats:
            chat.cancel()

    run(scenario, itl_s=1.0, max_loras=1, lora={"a": "/a", "b": "/b"})


def test_ray_names_adapters_after_their_base(run: Any) -> None:
    async def scenario(server: Any) -> None:
        _, models = await server.get("/v1/models")
        assert [card["id"] for card in models["data"]] == ["m", "m:a"]
        assert (await server.get("/v1/models/m:a"))[1]["metadata"]["base_model_id"] == "m"
        assert (await server.get("/v1/models/x"))[0] == 404
        assert (await server.chat(model="m:a"))[1]["model"] == "m:a"
        assert [(await server.chat(model=name))[0] for name in ("a", "x:a", "m:x")] == [404] * 3

    run(scenario, flavour="ray", lora={"a": "/a"})


def test_ray_reads_the_multiplexed_model_header(run: Any) -> None:
    async def scenario(server: Any) -> None:
        for name in ("serve_multiplexed_model_id", "serve-multiplexed-model-id"):
            url, body = server.sim.url + "/v1/completions", {"model": "m:a", "prompt": "x"}
            async with server.session.post(url, json=body, headers={name: "m:a"}) as answer:
                assert answer.headers["x-sim-multiplexed-model-id"] == "m:a"

    run(scenario, flavour="ray", lora={"a": "/a"})


def test_rays_own_paths(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert await server.get("/-/healthz") == (200, "success")
        assert (await server.get("/-/routes"))[1] == {"/": "default"}
        assert (await server.get("/health"))[0] == 404
        assert (await server.get("/metrics"))[0] == 404
        async with server.session.get(server.sim.metrics_url) as answer:
            assert "ray_vllm_num_requests_running" in await answer.text()

    run(scenario, flavour="ray", metrics_dialect="ray", metrics_port=0)


def test_an_answer_says_which_weights_it_is_from(run: Any) -> None:
    async def scenario(server: Any) -> None:
        async def said(model: str) -> str:
            answer = (await server.chat(model=model, max_tokens=40, ignore_eos=True))[1]
            return str(answer["choices"][0]["message"]["content"])

        assert (await said("a")).startswith("[simulated] [lora a from /a]")
        assert "[lora" not in await said("m")
        assert (await server.post(LOAD, {"lora_name": "a@1a2b3c4d", "lora_path": "/b"}))[0] == 200
        assert "[lora a@1a2b3c4d from /b]" in await said("a@1a2b3c4d")

    run(scenario, lora={"a": "/a"})


def test_adapters_come_and_go_without_the_engines_own_calls(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert (await server.post("/sim/adapters", {"name": "a", "path": "/a"}))[0] == 200
        assert (await server.chat(model="m:a"))[0] == 200
        assert (await server.post("/sim/adapters", {"name": "a"}))[0] == 200
        assert (await server.chat(model="m:a"))[0] == 404

    run(scenario, flavour="ray", enable_lora=True)
