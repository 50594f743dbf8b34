from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.resources.weights_source import parse_source
from modelyard.weights.errors import WeightsError
from modelyard.weights.fetching import fetch
from modelyard.weights.folder_in_place import check_folder
from modelyard.weights.limits import ADAPTER_LIMITS, MODEL_LIMITS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "gemma"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    return made


def test_a_folder_is_used_where_it_is(folder: Path, tmp_path: Path) -> None:
    found = fetch(parse_source(str(folder)), tmp_path / "root")
    assert (found.path, found.source, found.size) == (folder, str(folder), 9)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("limits", [MODEL_LIMITS, ADAPTER_LIMITS])
def test_the_digest_follows_the_files(folder: Path, limits: object) -> None:
    before = check_folder(str(folder), limits)  # type: ignore[arg-type]
    assert check_folder(str(folder), limits) == before  # type: ignore[arg-type]
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    os.utime(folder / "model.safetensors", (1, 1))
    assert check_folder(str(folder), limits).digest != before.digest  # type: ignore[arg-type]


def test_an_adapters_digest_is_of_its_bytes_alone(folder: Path) -> None:
    before = check_folder(str(folder), ADAPTER_LIMITS).digest
    os.utime(folder / "model.safetensors", (1, 1))
    assert check_folder(str(folder), ADAPTER_LIMITS).digest == before


def test_a_mount_that_is_not_there() -> None:
    with pytest.raises(WeightsError, match=r"nothing is mounted at /gcs-none\. Mount the bucket.*=gs://BUCKET/FOLDER"):
        check_folder("/gcs-none/google/gemma-2-9b-it", MODEL_LIMITS)


def test_an_empty_mount_point(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"nothing is mounted at {tmp_path}"):
        check_folder(str(tmp_path / "google" / "gemma"), MODEL_LIMITS)


def test_a_folder_of_another_name(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not exist; .* has: gemma"):
        check_folder(str(folder.parent / "gemini"), MODEL_LIMITS)


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(WeightsError, match="is a file; name the folder"):
        check_folder(str(folder / "config.json"), MODEL_LIMITS)


def test_links_out_of_an_adapters_folder_are_refused(folder: Path) -> None:
    (folder.parent / "outside.json").write_text("{}")
    (folder / "adapter_config.json").symlink_to("../outside.json")
    check_folder(str(folder), MODEL_LIMITS)
    with pytest.raises(WeightsError, match="is a link that leaves the folder"):
        check_folder(str(folder), ADAPTER_LIMITS)
    (folder / "adapter_config.json").unlink()
    (folder / "adapter_config.json").symlink_to("config.json")
    check_folder(str(folder), ADAPTER_LIMITS)
    (folder / "sub").symlink_to("..")
    with pytest.raises(WeightsError, match="is a link that leaves the folder"):
        check_folder(str(folder), ADAPTER_LIMITS)


def test_a_link_that_leads_nowhere(folder: Path) -> None:
    (folder / "tokenizer.json").symlink_to("gone")
    with pytest.raises(WeightsError, match="leads nowhere"):
        check_folder(str(folder), MODEL_LIMITS)


def test_a_path_whose_disk_is_not_mounted(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to("/nowhere/disk")
    with pytest.raises(
        WeightsError, match=r"models is a link to /nowhere/disk, which is not there: make or mount that"
    ):
        check_folder(str(tmp_path / "models" / "m"), MODEL_LIMITS)
