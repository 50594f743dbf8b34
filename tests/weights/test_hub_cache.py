from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from modelyard.resources.weights_source import parse_source
from modelyard.weights import fetching, stores
from modelyard.weights.errors import NotEnoughSpace, Unreachable, WeightsError
from modelyard.weights.fetching import FetchLimits, Progress, fetch
from modelyard.weights.published import read_manifest, verify

SOURCE = parse_source("acme/tiny")
LIMITS = FetchLimits(keep_free=0)
COMMIT = "c0ffee" + "0" * 34
SHARDS = {f"model-0000{number}-of-00002.safetensors": bytes([number]) * 5000 for number in (1, 2)}
INDEX = json.dumps({"weight_map": {f"layer.{name}": name for name in SHARDS}}).encode()
FILES = {"config.json": b"{}", "model.safetensors.index.json": INDEX, "README.md": b"# Tiny", **SHARDS}


def cached(place: Path, files: dict[str, bytes], *, branch: str = "main", commit: str = COMMIT) -> Path:
    """The cache as the hub's client lays it out; returns the snapshot."""
    repository = place / "models--acme--tiny"
    snapshot = repository / "snapshots" / commit
    for folder in (repository / "blobs", repository / "refs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / branch).write_text(commit)
    for name, content in files.items():
        blob = repository / "blobs" / _etag(name, content)
        blob.write_bytes(content)
        (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


def _etag(name: str, content: bytes) -> str:
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own


class Closed:
    """A hub that must not be asked."""

    pinned = True

    def __getattr__(self, name: str) -> object:
        raise Unreachable("acme/tiny cannot be reached: no route to host", "check the network")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(fetching, "open_store", lambda *arguments: Closed())
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return tmp_path / "hub"


def test_what_the_user_has_already_is_checked_and_linked(cache: Path, tmp_path: Path) -> None:
    snapshot = cached(cache, FILES)
    heard: list[Progress] = []
    found = fetch(SOURCE, tmp_path / "weights", limits=LIMITS, progress=heard.append)
    assert (found.path, found.revision) == (tmp_path / "weights" / SOURCE.folder, COMMIT)
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound
    assert {file.name for file in manifest.files} == FILES.keys() - {"README.md"}
    assert (found.path / "config.json").samefile(snapshot / "config.json")
    assert found.note == f"taken from the hub's cache, {snapshot}: acme/tiny cannot be reached: no route to host"
    assert [moment.phase for moment in heard] == ["listing", "cached", "done"]
    assert "takes acme/tiny from the hub's cache" in str(heard[1])


def test_another_disk_gets_copies(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = cached(cache, FILES)

    def other_disk(*arguments: object, **options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    found = fetch(SOURCE, tmp_path / "weights", limits=LIMITS)
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound
    assert not (found.path / "config.json").samefile(snapshot / "config.json")
    monkeypatch.setattr("modelyard.weights.disk.free_bytes", lambda folder: 10)
    with pytest.raises(NotEnoughSpace, match=rf"or name the cache's own folder as a path: {snapshot}"):
        fetch(SOURCE, tmp_path / "small", limits=LIMITS)


@pytest.mark.parametrize("revision", ["v2", COMMIT])
def test_the_wanted_revision_counts(cache: Path, tmp_path: Path, revision: str) -> None:
    cached(cache, FILES, branch="v2")
    assert fetch(parse_source(f"acme/tiny@{revision}"), tmp_path, limits=LIMITS).revision == COMMIT
    with pytest.raises(
        Unreachable, match=rf"no route to host, and the hub's cache {cache} does not have it; check the"
    ):
        fetch(SOURCE, tmp_path, limits=LIMITS)


@pytest.mark.parametrize(
    ("without", "lacking"),
    [
        ({"model-00002-of-00002.safetensors"}, "model-00002-of-00002.safetensors"),
        ({"model-00001-of-00002.safetensors", "model.safetensors.index.json"}, "model-00001-of-00002.safetensors"),
        (set(SHARDS), "model-00001-of-00002.safetensors"),
        ({*SHARDS, "model.safetensors.index.json"}, "the weights"),
    ],
)
def test_a_download_that_was_ended_is_not_taken_for_whole(
    cache: Path, tmp_path: Path, without: set[str], lacking: str
) -> None:
    snapshot = cached(cache, {name: content for name, content in FILES.items() if name not in without})
    with pytest.raises(Unreachable, match=rf"its copy in {snapshot} lacks {lacking}"):
        fetch(SOURCE, tmp_path, limits=LIMITS)


def test_what_is_damaged_is_found_and_left_as_it_is(cache: Path, tmp_path: Path) -> None:
    snapshot = cached(cache, FILES)
    blob = (snapshot / "model-00001-of-00002.safetensors").resolve()
    blob.write_bytes(b"?" * 5000)
    with pytest.raises(WeightsError, match=rf"in the hub's cache is damaged \(checksum\): remove {blob}"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    assert blob.read_bytes() == b"?" * 5000
    assert not (tmp_path / SOURCE.folder).exists()


def test_links_that_leave_the_repository_are_not_followed(cache: Path, tmp_path: Path) -> None:
    snapshot = cached(cache, FILES)
    (tmp_path / "secret.json").write_text("{}")
    (snapshot / "secret.json").symlink_to(tmp_path / "secret.json")
    assert not (fetch(SOURCE, tmp_path / "weights", limits=LIMITS).path / "secret.json").exists()


def test_an_update_does_not_go_back_to_what_is_cached(cache: Path, tmp_path: Path) -> None:
    cached(cache, FILES)
    fetch(SOURCE, tmp_path, limits=LIMITS)
    with pytest.raises(Unreachable, match="no route to host; check the network"):
        fetch(SOURCE, tmp_path, limits=LIMITS, update=True)


def test_the_hub_is_not_asked_where_its_client_is_told_so(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "open_store", stores.open_store)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = r"HF_HUB_OFFLINE forbids to ask the hub, and the hub's cache .* does not have it; unset it, or name files"
    with pytest.raises(Unreachable, match=message):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    cached(cache, FILES)
    assert "HF_HUB_OFFLINE" in fetch(SOURCE, tmp_path, limits=LIMITS).note
