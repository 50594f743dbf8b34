"""The loopback bucket, read by Ray's own code for ``dynamic_lora_loading_path``."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import aiohttp
import pytest
from adapter_files import write_adapter

from modelyard.local.ray.engine import find_ray
from modelyard.lora.loopback_bucket import LoopbackBucket

RAY = find_ray()
READS = """
import json, sys
from ray.llm._internal.common.utils.cloud_utils import CloudFileSystem, is_remote_path
from ray.llm._internal.common.utils.lora_utils import get_lora_model_ids
base, folder = sys.argv[1:]
CloudFileSystem.download_files(path=folder, bucket_uri=f"{base}/food")
print(json.dumps([
    is_remote_path(base),
    get_lora_model_ids(base, "llama"),
    json.loads(CloudFileSystem.get_file(f"{base}/food/adapter_config.json"))["r"],
    CloudFileSystem.get_file(f"{base}/none/adapter_config.json"),
]))
"""


@pytest.mark.integration
def test_nothing_but_the_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "bucket"
    write_adapter(folder / "a" / "food")
    (folder / "link").symlink_to(tmp_path / "secret")

    async def scenario() -> None:
        bucket = LoopbackBucket(folder)
        endpoint = await bucket.start()
        try:
            async with aiohttp.ClientSession() as session:

                async def status(path: str) -> int:
                    from yarl import URL

                    async with session.get(URL(endpoint + path, encoded=True)) as answer:
                        return answer.status

                assert await status("/modelyard/a/food/adapter_config.json") == 200
                for path in ("link", "../secret", "..%2fsecret", "%2e%2e/secret", "a/food", "a/none", "%00"):
                    assert await status(f"/modelyard/{path}") in (400, 404), path
                assert await status("/other/a/food/adapter_config.json") == 404
                async with session.put(f"{endpoint}/modelyard/x", data=b"x") as answer:
                    assert answer.status == 405
                url = f"{endpoint}/modelyard?list-type=2&prefix=&max-keys=1"
                async with session.get(url) as answer:
                    page = await answer.text()
                assert "<IsTruncated>true" in page
                assert "link" not in page
        finally:
            await bucket.stop()

    asyncio.run(scenario())


@pytest.mark.engine
@pytest.mark.skipif(RAY is None, reason="no Ray here; `modelyard engines install ray` installs one")
def test_rays_own_client_lists_and_downloads_adapters(tmp_path: Path) -> None:
    assert RAY is not None
    write_adapter(tmp_path / "bucket" / "adapters" / "food", rank=4)
    write_adapter(tmp_path / "bucket" / "adapters" / "sql")

    async def scenario() -> list[object]:
        bucket = LoopbackBucket(tmp_path / "bucket")
        endpoint = await bucket.start()
        try:
            process = await asyncio.create_subprocess_exec(
                *(str(RAY.python), "-c", READS, bucket.path("adapters"), str(tmp_path / "here")),
                env={**os.environ, **bucket.environment(endpoint)},
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await process.communicate()
        finally:
            await bucket.stop()
        found: list[object] = json.loads(said.splitlines()[-1])
        return found

    assert asyncio.run(scenario()) == [True, ["llama:food", "llama:sql"], 4, None]
    names = sorted(one.name for one in (tmp_path / "here").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
