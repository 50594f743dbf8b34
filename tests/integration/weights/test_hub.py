from __future__ import annotations

from pathlib import Path

import pytest
from hub_site import HubSite
from huggingface_hub import constants, hf_hub_download

from conftest import TAKEN, model_files
from modelyard.resources.weights_source import parse_source
from modelyard.weights.fetching import FetchLimits, Progress, WeightsError, fetch
from modelyard.weights.published import read_manifest, verify

pytestmark = pytest.mark.integration
SOURCE = parse_source("acme/tiny")
LIMITS = FetchLimits(keep_free=0, timeout=10.0)


def test_a_repository_comes_whole_verified_and_pinned(hub: HubSite, tmp_path: Path) -> None:
    heard: list[Progress] = []
    found = fetch(SOURCE, tmp_path, progress=heard.append, limits=LIMITS)
    assert found.path == tmp_path / "hub--acme--tiny@main"
    assert found.revision == hub.commit
    assert sorted(path.name for path in found.path.iterdir()) == sorted([".modelyard-weights.json", *TAKEN])
    assert all((found.path / name).read_bytes() == hub.files[name] for name in TAKEN)
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound
    assert heard[-1].phase == "done"
    assert found.size == heard[-1].done == sum(len(hub.files[name]) for name in TAKEN)


def test_what_is_here_is_taken_without_asking(hub: HubSite, tmp_path: Path) -> None:
    first = fetch(SOURCE, tmp_path, limits=LIMITS)
    hub.requests.clear()
    assert fetch(SOURCE, tmp_path, limits=LIMITS) == first
    assert not hub.requests


def test_an_update_fetches_only_what_has_changed(hub: HubSite, tmp_path: Path) -> None:
    first = fetch(SOURCE, tmp_path, limits=LIMITS)
    changed = model_files(2)["model-00002-of-00002.safetensors"]
    hub.publish({**hub.files, "model-00002-of-00002.safetensors": changed})
    hub.content.requests.clear()
    second = fetch(SOURCE, tmp_path, limits=LIMITS, update=True)
    assert len(hub.content.requests) == 1
    assert second.digest != first.digest
    assert second.revision == hub.commit
    assert (second.path / "model-00002-of-00002.safetensors").read_bytes() == changed
    hub.requests.clear()
    assert fetch(SOURCE, tmp_path, limits=LIMITS, update=True) == second
    assert len(hub.requests) == 1


def test_the_token_goes_to_the_hub_and_nowhere_else(hub: HubSite, tmp_path: Path) -> None:
    hub.token = "secret"
    with pytest.raises(WeightsError, match=r"gated.*accept its terms at http.*HF_TOKEN"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    fetch(SOURCE, tmp_path, token="secret", limits=LIMITS)
    assert hub.content.requests
    assert not any("authorization" in headers for _, _, headers in hub.content.requests)


def test_a_line_that_breaks_again_and_again_is_gone_on_from(hub: HubSite, tmp_path: Path) -> None:
    hub.content.tap.break_every = 1_000_000
    hub.failures = [503]
    found = fetch(SOURCE, tmp_path, limits=LIMITS)
    assert all((found.path / name).read_bytes() == hub.files[name] for name in TAKEN)
    sent = sum(int(headers["range"].partition("=")[2].rstrip("-")) > 0 for _, _, headers in hub.content.requests)
    assert sent >= 4


def test_wrong_bytes_are_thrown_away(hub: HubSite, tmp_path: Path) -> None:
    hub.corrupt = {"tokenizer.json"}
    with pytest.raises(WeightsError, match=r"tokenizer\.json came with other bytes"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    assert not (tmp_path / SOURCE.folder).exists()
    hub.corrupt = set()
    assert (fetch(SOURCE, tmp_path, limits=LIMITS).path / "tokenizer.json").read_bytes() == hub.files["tokenizer.json"]


def test_a_damaged_file_is_found_and_only_it_is_fetched_again(hub: HubSite, tmp_path: Path) -> None:
    found = fetch(SOURCE, tmp_path, limits=LIMITS)
    damaged = found.path / "model-00001-of-00002.safetensors"
    with damaged.open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"?")
    (found.path / "tokenizer.json").unlink()
    (found.path / "extra.json").write_text("{}")
    manifest = read_manifest(found.path)
    assert manifest is not None
    verdict = verify(found.path, manifest)
    assert verdict.corrupted == ("model-00001-of-00002.safetensors",)
    assert verdict.missing == ("tokenizer.json",)
    assert verdict.additional == ("extra.json",)
    damaged.unlink()
    hub.content.requests.clear()
    commit = hub.commit
    hub.publish({"config.json": b"{}"})
    again = fetch(SOURCE, tmp_path, limits=LIMITS)
    assert again == found
    assert again.revision == commit
    assert len(hub.content.requests) == 1
    assert verify(found.path, manifest).sound


def test_names_that_leave_the_folder_end_the_fetch(hub: HubSite, tmp_path: Path) -> None:
    hub.publish({**hub.files, "../../escaped.json": b"{}"})
    with pytest.raises(WeightsError, match="could leave its folder"):
        fetch(SOURCE, tmp_path / "weights", limits=LIMITS)
    assert not list(tmp_path.rglob("escaped.json"))


def test_pickled_weights_are_refused_unless_allowed(hub: HubSite, tmp_path: Path) -> None:
    hub.publish({name: hub.files[name] for name in ("config.json", "pytorch_model.bin")})
    with pytest.raises(WeightsError, match="can run any code"):
        fetch(SOURCE, tmp_path, limits=LIMITS)
    found = fetch(SOURCE, tmp_path, limits=FetchLimits(keep_free=0, allow_pickle=True))
    assert (found.path / "pytorch_model.bin").exists()


@pytest.mark.parametrize(
    ("source", "message"), [("acme/other", "no model acme/other"), ("acme/tiny@v9", "no revision 'v9'")]
)
def test_what_is_not_there(hub: HubSite, tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        fetch(parse_source(source), tmp_path, limits=LIMITS)


def test_a_hub_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"cannot be reached.*--source NAME=/a/folder or NAME=demo://"):
        fetch(SOURCE, tmp_path, limits=LIMITS)


def test_what_progress_raises_ends_the_fetch_and_the_next_goes_on(hub: HubSite, tmp_path: Path) -> None:
    hub.content.tap.stall(2_000_000)

    def enough(progress: Progress) -> None:
        if progress.done > 1_000_000:
            hub.content.tap.open()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(SOURCE, tmp_path, progress=enough, limits=LIMITS)
    heard: list[Progress] = []
    fetch(SOURCE, tmp_path, progress=heard.append, limits=LIMITS)
    assert next(progress for progress in heard if progress.phase == "fetching").done > 1_000_000


def test_what_the_hubs_own_client_has_downloaded_is_used_when_the_hub_is_gone(
    hub: HubSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub"
    for name in TAKEN:
        hf_hub_download("acme/tiny", name, endpoint=hub.url, cache_dir=cache)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    found = fetch(SOURCE, tmp_path / "weights", limits=LIMITS)
    assert found.revision == hub.commit
    assert "taken from the hub's cache" in found.note
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound
    assert {file.name: (found.path / file.name).read_bytes() for file in manifest.files} == {
        name: hub.files[name] for name in TAKEN
    }
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert fetch(SOURCE, tmp_path / "weights", limits=LIMITS, update=True).digest == found.digest
