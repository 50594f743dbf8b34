from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local.jobs.copying import CopyError, copy_folder
from modelyard.local.jobs.job_plan import Others


def folder(place: Path, **files: str) -> Path:
    for name, text in files.items():
        path = place / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def silent(done: int, total: int) -> None:
    pass


def content(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder(tmp_path / "source", **{"config.json": "{}", "deep__model.safetensors": "weights"})


def test_everything_is_copied_and_nothing_is_left_beside_it(source: Path, tmp_path: Path) -> None:
    (source / ".modelyard-weights.json").write_text("own")
    heard: list[tuple[int, int]] = []
    done = copy_folder(source, tmp_path / "bucket" / "m", lambda *moment: heard.append(moment))
    assert content(tmp_path / "bucket" / "m") == {"config.json": "{}", "deep/model.safetensors": "weights"}
    assert (done.files, done.bytes, done.kept) == (2, 9, False)
    assert heard[-1] == (9, 9)
    assert sorted(path.name for path in (tmp_path / "bucket").iterdir()) == [".m.lock", "m"]


def test_a_second_copy_finds_it_there(source: Path, tmp_path: Path) -> None:
    copy_folder(source, tmp_path / "m", silent)
    assert copy_folder(source, tmp_path / "m", silent).kept
    (tmp_path / "m" / "config.json").write_text("[]")
    assert not copy_folder(source, tmp_path / "m", silent).kept
    assert content(tmp_path / "m")["config.json"] == "{}"


def test_an_interrupted_copy_is_gone_on_with_and_the_old_files_serve_on(source: Path, tmp_path: Path) -> None:
    target = folder(tmp_path / "m", **{"old.bin": "live"})

    class Killed(Exception):
        pass

    def die(done: int, total: int) -> None:
        if done > 2:
            raise Killed

    with pytest.raises(Killed):
        copy_folder(source, target, die)
    assert content(target) == {"old.bin": "live"}
    assert (tmp_path / ".m.copying" / "config.json").read_text() == "{}"
    (tmp_path / ".m.copying" / "stray").write_text("x")
    copy_folder(source, target, silent)
    assert content(target) == {"config.json": "{}", "deep/model.safetensors": "weights"}


def test_other_files_stay_unless_they_are_to_be_replaced(source: Path, tmp_path: Path) -> None:
    target = folder(tmp_path / "m", **{"old.bin": "live"})
    with pytest.raises(CopyError, match="holds other files"):
        copy_folder(source, target, silent, "refuse")
    assert content(target) == {"old.bin": "live"}


def test_a_copy_into_a_folder_of_other_files_keeps_them(source: Path, tmp_path: Path) -> None:
    target = folder(tmp_path / "disk", **{"config.json": "old", "other__model.bin": "live", ".hidden": "x"})
    assert not copy_folder(source, target, silent, "keep").kept
    copied = {"config.json": "{}", "deep/model.safetensors": "weights"}
    assert {**copied, "other/model.bin": "live", ".hidden": "x", ".modelyard-lock": ""} == content(target)
    assert copy_folder(source, target, silent, "keep").kept
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_is_not_replaced_by_a_part_of_itself(source: Path) -> None:
    with pytest.raises(CopyError, match="would replace"):
        copy_folder(source / "deep", source, silent)
    assert content(source) == {"config.json": "{}", "deep/model.safetensors": "weights"}


def test_a_comparison_can_be_stopped(source: Path, tmp_path: Path) -> None:
    copy_folder(source, tmp_path / "m", silent)

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        copy_folder(source, tmp_path / "m", stop)


def test_an_empty_source_and_a_full_disk_are_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CopyError, match="has no files"):
        copy_folder(tmp_path / "empty", tmp_path / "m", silent)
    monkeypatch.setattr("modelyard.local.jobs.copying.KEPT_FREE", 1 << 60)
    with pytest.raises(CopyError, match="GB are needed; make room"):
        copy_folder(source, tmp_path / "m", silent)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("others", ["replace", "keep"])
def test_a_target_that_is_a_link_to_another_disk_stays_one(source: Path, tmp_path: Path, others: Others) -> None:
    disk = folder(tmp_path / "disk" / "m", **{"old.bin": "live"})
    target = tmp_path / "bucket" / "m"
    target.parent.mkdir()
    target.symlink_to(disk)
    copy_folder(source, target, silent, others)
    assert target.readlink() == disk
    assert content(disk)["deep/model.safetensors"] == "weights"
    assert (disk / "old.bin").exists() == (others == "keep")


@pytest.mark.parametrize("below", ["", "m"])
def test_a_target_that_leads_nowhere_is_told_in_words(source: Path, tmp_path: Path, below: str) -> None:
    (tmp_path / "claim").symlink_to(tmp_path / "unmounted" / "disk")
    with pytest.raises(OSError, match=r"claim is a link to .*unmounted/disk, which is not there: make or mount"):
        copy_folder(source, tmp_path / "claim" / below, silent)
    assert not (tmp_path / "unmounted").exists()
