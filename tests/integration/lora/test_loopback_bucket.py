"""The loopback bucket, read by Ray's own code for ``dynamic_lora_loading_path``."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import aiohttp
import pytest
from adapter_files import write_adapter
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

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


def headers_of(credentials: Path, url: str, method: str = "GET") -> dict[str, str]:
    """What a client with the key sends."""
    given = dict(line.split(" = ") for line in credentials.read_text().splitlines()[1:])
    request = AWSRequest(method=method, url=url)
    key = Credentials(given["aws_access_key_id"], given["aws_secret_access_key"])
    S3SigV4Auth(key, "s3", "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.mark.integration
def test_only_who_can_read_the_key_is_answered(tmp_path: Path) -> None:
    write_adapter(tmp_path / "bucket" / "a" / "food")
    credentials = tmp_path / "key"

    async def scenario() -> None:
        bucket = LoopbackBucket(tmp_path / "bucket", credentials)
        endpoint = await bucket.start()
        file = f"{endpoint}/modelyard/a/food/adapter_config.json"
        listed = f"{endpoint}/modelyard?list-type=2&prefix=a%2F"
        try:
            assert credentials.stat().st_mode & 0o777 == 0o600
            assert not any(value in credentials.read_text().split() for value in bucket.environment(endpoint).values())
            async with aiohttp.ClientSession() as session:

                async def status(url: str, headers: dict[str, str]) -> int:
                    async with session.get(url, headers=headers) as answer:
                        return answer.status

                for url in (file, listed):
                    signed = headers_of(credentials, url)
                    assert await status(url, signed) == 200
                    assert await status(url, {}) == 403
                    assert await status(url, {**signed, "X-Amz-Date": "20200101T000000Z"}) == 403
                assert await status(listed, headers_of(credentials, file)) == 403
                other = LoopbackBucket(tmp_path / "bucket", tmp_path / "other")
                await other.start()
                assert await status(file, headers_of(tmp_path / "other", file)) == 403
                await other.stop()
        finally:
            await bucket.stop()
        assert not credentials.exists()

    asyncio.run(scenario())


@pytest.mark.integration
def test_nothing_but_the_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "bucket"
    write_adapter(folder / "a" / "food")
    (folder / "link").symlink_to(tmp_path / "secret")

    async def scenario() -> None:
        bucket = LoopbackBucket(folder, tmp_path / "key")
        endpoint = await bucket.start()
        try:
            async with aiohttp.ClientSession() as session:

                async def status(path: str) -> int:
                    url = endpoint + path
                    async with session.get(URL(url, encoded=True), headers=headers_of(tmp_path / "key", url)) as answer:
                        return answer.status

                assert await status("/modelyard/a/food/adapter_config.json") == 200
                for path in ("link", "../secret", "..%2fsecret", "%2e%2e/secret", "a/food", "a/none", "%00"):
                    assert await status(f"/modelyard/{path}") in (400, 403, 404), path
                assert await status("/other/a/food/adapter_config.json") == 404
                async with session.put(f"{endpoint}/modelyard/x", data=b"x") as answer:
                    assert answer.status == 405
                url = f"{endpoint}/modelyard?list-type=2&prefix=&max-keys=1"
                async with session.get(url, headers=headers_of(tmp_path / "key", url)) as answer:
                    page = await answer.text()
                assert "<IsTruncated>true" in page
                assert "link" not in page
        finally:
            await bucket.stop()

    asyncio.run(scenario())


@pytest.mark.engine
@pytest.mark.timeout(400)
@pytest.mark.skipif(RAY is None, reason="no Ray here; `modelyard engines install ray` installs one")
def test_rays_own_client_lists_and_downloads_adapters(tmp_path: Path) -> None:
    assert RAY is not None
    write_adapter(tmp_path / "bucket" / "adapters" / "food", rank=4)
    write_adapter(tmp_path / "bucket" / "adapters" / "sql")

    async def scenario() -> list[object]:
        bucket = LoopbackBucket(tmp_path / "bucket", tmp_path / "key")
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
