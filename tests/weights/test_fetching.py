from __future__ import annotations

import os
from pathlib import Path

import pytest
from memory_store import MemoryStore

from modelyard.resources.weights_source import parse_source
from modelyard.weights import fetching
from modelyard.weights.demo import DEMO_MODELS
from modelyard.weights.errors import Interruption, WeightsError
from modelyard.weights.fetching import FetchLimits, Progress, fetch
from modelyard.weights.kept import kept_weights, remove_weights
from modelyard.weights.published import read_manifest, verify
from modelyard.weights.store import Listing

SOURCE = parse_source("acme/tiny")
LIMITS = FetchLimits(keep_free=0)
FILES = {"config.json": b"{}", "model.safetensors": b"weights" * 500}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """What every source is."""
    made = MemoryStore(FILES)
    monkeypatch.setattr(fetching, "open_store", lambda *arguments: made)
    monkeypatch.setattr(fetching, "_LISTING_PAUSE", 0.0)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return made


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_demo_models_are_here_at_once(tmp_path: Path, name: str) -> None:
    found = fetch(parse_source(f"demo://{name}"), tmp_path, limits=LIMITS)
    assert found.revision == DEMO_MODELS[name].digest
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound


def test_an_unknown_demo_model(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there are demo-llama"):
        fetch(parse_source("demo://demo-lama"), tmp_path, limits=LIMITS)


def test_a_source_that_changes_meanwhile(store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revisions = iter(["one", "two", "two", "two"])
    listed = store.listing
    monkeypatch.setattr(store, "pinned", False)
    monkeypatch.setattr(store, "listing", lambda: Listing(revision=next(revisions), files=listed().files))
    with pytest.raises(WeightsError, match="has changed while it was fetched"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    store.reads.clear()
    assert fetch(SOURCE, tmp_path, limits=LIMITS).revision == "two"
    assert not store.reads


def test_a_listing_is_asked_for_thrice(store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def listing() -> Listing:
        asked.append(1)
        raise Interruption("no route to host")

    monkeypatch.setattr(store, "listing", listing)
    with pytest.raises(
        WeightsError, match=r"cannot be reached: no route to host, and the hub.s cache .*; check the network, or"
    ):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    assert len(asked) == 3


def test_a_folder_that_is_somebody_elses_is_left_alone(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / SOURCE.folder).mkdir()
    (tmp_path / SOURCE.folder / "precious").write_text("mine")
    with pytest.raises(WeightsError, match="was not put there by a fetch"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    assert (tmp_path / SOURCE.folder / "precious").exists()


def test_a_root_that_cannot_be_written(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=f"weights are kept in {tmp_path}/file"):
        fetch(SOURCE, tmp_path / "file", limits=LIMITS)


def test_a_root_whose_disk_is_not_mounted(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "weights").symlink_to("/nowhere/disk")
    with pytest.raises(
        WeightsError, match=r"weights is a link to /nowhere/disk, which is not there.*MODELYARD_WEIGHTS"
    ):
        fetch(SOURCE, tmp_path / "weights", limits=LIMITS)


def test_what_is_here_is_held_to_the_limits_too(store: MemoryStore, tmp_path: Path) -> None:
    fetch(SOURCE, tmp_path, limits=LIMITS)
    with pytest.raises(WeightsError, match="at most 100 B are taken"):
        fetch(SOURCE, tmp_path, limits=FetchLimits(max_size=100))


def test_pickled_weights_that_were_allowed_are_used_without_being_allowed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MemoryStore({"config.json": b"{}", "pytorch_model.bin": b"weights"})
    monkeypatch.setattr(fetching, "open_store", lambda *arguments: made)
    with pytest.raises(WeightsError, match="can run any code"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    fetch(SOURCE, tmp_path, limits=FetchLimits(keep_free=0, allow_pickle=True))
    assert fetch(SOURCE, tmp_path, limits=LIMITS).size == 9
    with pytest.raises(WeightsError, match="can run any code"):
        fetch(SOURCE, tmp_path, limits=fetching.ADAPTER_LIMITS)


def test_a_journal_that_cannot_be_read_is_begun_anew(store: MemoryStore, tmp_path: Path) -> None:
    place = tmp_path / ".partial" / SOURCE.folder
    place.mkdir(parents=True)
    (place / "journal.json").write_text("{")
    assert fetch(SOURCE, tmp_path, limits=LIMITS).size == 3502


def test_what_is_kept_is_listed_and_removed(store: MemoryStore, tmp_path: Path) -> None:
    assert kept_weights(tmp_path / "nowhere") == []
    fetch(SOURCE, tmp_path, limits=LIMITS)
    store.files = {"config.json": b"{}", "model.safetensors": b"w" * 9000}
    store.interruptions = [0] * 10

    def enough(progress: Progress) -> None:
        if progress.phase == "fetching":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(parse_source("acme/other"), tmp_path, progress=enough, limits=LIMITS)
    found = {kept.source: kept for kept in kept_weights(tmp_path)}
    assert {source: kept.state for source, kept in found.items()} == {"acme/tiny": "ready", "acme/other": "incomplete"}
    assert found["acme/other"].total == 9002
    (tmp_path / SOURCE.folder / "config.json").unlink()
    assert next(kept for kept in kept_weights(tmp_path) if kept.source == "acme/tiny").state == "damaged"
    for kept in found.values():
        assert remove_weights(tmp_path, kept.folder) > 0
    assert kept_weights(tmp_path) == []
