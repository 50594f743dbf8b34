from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket_site import BucketSite
from loopback_http import serving

from conftest import TAKEN, Start, model_files
from modelyard.resources.weights_source import parse_source
from modelyard.weights.fetching import FetchLimits, WeightsError, fetch
from modelyard.weights.published import read_manifest, verify

pytestmark = pytest.mark.integration
LIMITS = FetchLimits(keep_free=0, timeout=10.0, attempts=3)
SMALL = {"tiny/config.json": b"{}", "tiny/model.safetensors": b"weights" * 1000}
EITHER = pytest.mark.parametrize("scheme", ["s3", "gs"])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketSite]:
    """A bucket ``models`` for both schemes."""
    objects = {f"tiny/{name}": content for name, content in model_files().items()} | {"tiny-2/config.json": b"?"}
    with serving(BucketSite(objects)) as site:
        for name, value in {
            "AWS_ENDPOINT_URL": site.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "STORAGE_EMULATOR_HOST": site.url,
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield site


@EITHER
def test_a_folder_comes_whole_and_verified(bucket: BucketSite, tmp_path: Path, scheme: str) -> None:
    if scheme == "gs":
        bucket.objects = dict(SMALL)
    found = fetch(parse_source(f"{scheme}://models/tiny"), tmp_path, limits=LIMITS)
    names = TAKEN if scheme == "s3" else ("config.json", "model.safetensors")
    assert all((found.path / name).read_bytes() == bucket.objects[f"tiny/{name}"] for name in names)
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert [file.name for file in manifest.files] == list(names)
    assert verify(found.path, manifest).sound


@EITHER
def test_an_object_that_came_in_parts(bucket: BucketSite, tmp_path: Path, scheme: str) -> None:
    """S3 then has no checksum of the whole; Google's store has a CRC."""
    bucket.objects, bucket.in_parts = dict(SMALL), True
    found = fetch(parse_source(f"{scheme}://models/tiny"), tmp_path, limits=LIMITS)
    assert (found.path / "model.safetensors").read_bytes() == SMALL["tiny/model.safetensors"]


def test_what_a_managed_key_encrypts_has_no_md5(bucket: BucketSite, tmp_path: Path) -> None:
    bucket.objects, bucket.encrypted = dict(SMALL), True
    found = fetch(parse_source("s3://models/tiny"), tmp_path, limits=LIMITS)
    assert (found.path / "model.safetensors").read_bytes() == SMALL["tiny/model.safetensors"]


def test_a_killed_fetch_goes_on_by_ranges(bucket: BucketSite, start: Start, tmp_path: Path) -> None:
    bucket.objects["tiny/model-00001-of-00002.safetensors"] = content = os.urandom(20_000_000)
    server = start("s3://models/tiny", tmp_path, forks=True)
    assert server.stdin is not None
    assert server.stdout is not None
    bucket.tap.stall(17_500_000)
    print(file=server.stdin, flush=True)
    child = int(server.stdout.readline())
    assert bucket.tap.stalled.wait(60)
    os.kill(child, signal.SIGKILL)
    assert server.stdout.readline() == "ended\n"
    bucket.tap.open()
    bucket.requests.clear()
    found = fetch(parse_source("s3://models/tiny"), tmp_path, limits=LIMITS)
    assert (found.path / "model-00001-of-00002.safetensors").read_bytes() == content
    asked = [headers["range"] for method, path, headers in bucket.requests if method == "GET" and "00001-of" in path]
    assert asked
    assert not any(one.startswith("bytes=0-") for one in asked)


@EITHER
def test_a_folder_that_may_not_be_read(bucket: BucketSite, tmp_path: Path, scheme: str) -> None:
    bucket.closed = True
    with pytest.raises(WeightsError, match="may not be read"):
        fetch(parse_source(f"{scheme}://models/tiny"), tmp_path, limits=LIMITS)


@EITHER
def test_a_folder_that_is_not_there(bucket: BucketSite, tmp_path: Path, scheme: str) -> None:
    with pytest.raises(WeightsError, match="there is nothing below"):
        fetch(parse_source(f"{scheme}://models/none"), tmp_path, limits=LIMITS)
