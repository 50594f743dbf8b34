from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest
from adapter_files import write_adapter

from modelyard.lora.adapter_shelf import AdapterShelf
from modelyard.lora.engine_adapters import AdapterCallError
from modelyard.lora.engine_calls import EngineCalls
from modelyard.lora.plan import Held
from modelyard.lora.ray_adapters import RayAdapters


class Ray:
    """Lists the folder as Ray does, and makes a token."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.status = folder, [], 200
        self.base = ["llama"]
        self.answer: bytes | None = None

    async def call(self, method: str, path: str, seconds: float, body: Any = None) -> tuple[int, bytes]:
        if path == "/v1/models" and self.answer is not None:
            return 200, self.answer
        if path == "/v1/models":
            listed = [one.name for one in self.folder.iterdir()] if self.folder.is_dir() else []
            ids = [*self.base, *(f"llama:{name}" for name in listed), "other:x"]
            return 200, json.dumps({"data": [{"id": name} for name in ids]}).encode()
        self.asked.append(body["model"])
        return self.status, b'{"error": {"message": "Failed to load lora model: no"}}'


def made(tmp_path: Path) -> tuple[Ray, RayAdapters]:
    shelf = AdapterShelf(tmp_path / "bucket", "llama", "llama")
    ray = Ray(tmp_path / "bucket" / "llama")
    return ray, RayAdapters(cast("EngineCalls", ray), shelf, "llama", "ns/c")


def test_an_adapter_is_put_where_ray_looks_and_asked_for_once(tmp_path: Path) -> None:
    stored = str(write_adapter(tmp_path / "food"))
    ray, adapters = made(tmp_path)

    async def scenario() -> None:
        await adapters.load("food@1a2b3c4d", stored)
        assert ray.asked == ["llama:food@1a2b3c4d"]
        listing = await adapters.listing()
        assert listing.base_models == ("llama",)
        assert listing.adapters == (Held(engine_name="food@1a2b3c4d", path=stored),)
        await adapters.unload("food@1a2b3c4d")
        assert (await adapters.listing()).adapters == ()

    asyncio.run(scenario())


def test_what_ray_cannot_load_is_taken_off_again(tmp_path: Path) -> None:
    ray, adapters = made(tmp_path)
    ray.status = 500

    async def scenario() -> None:
        with pytest.raises(AdapterCallError, match="Failed to load lora model: no"):
            await adapters.load("food@1", str(write_adapter(tmp_path / "food")))
        assert (await adapters.listing()).adapters == ()
        with pytest.raises(AdapterCallError, match="cannot be put where Ray reads"):
            await adapters.load("food@2", str(tmp_path / "nowhere"))

    asyncio.run(scenario())


def test_an_application_that_does_not_serve_its_model_yet_is_not_ready(tmp_path: Path) -> None:
    ray, adapters = made(tmp_path)
    ray.base = []
    with pytest.raises(AdapterCallError) as caught:
        asyncio.run(adapters.listing())
    assert caught.value.unreachable


@pytest.mark.parametrize("body", [b"{", b'{"data":[{"id":"\xff"}]}', b'{"data":[],"x":' + b"[" * 100_000])
def test_an_answer_that_is_no_list_is_an_error_of_the_call(body: bytes, tmp_path: Path) -> None:
    ray, adapters = made(tmp_path)
    ray.answer = body
    with pytest.raises(AdapterCallError, match="list of models"):
        asyncio.run(adapters.listing())
