from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from modelyard.local.home import Home
from modelyard.local.replica_files import (
    make_directories,
    remove_directories,
    remove_remains,
    remove_stale_files,
    write_files,
)
from modelyard.local.replica_plan import LocalFile, ReplicaPlan
from modelyard.local.temporary_folders import make_temporary_folder, temporary_folder


def plan(folder: Path, *files: LocalFile) -> ReplicaPlan:
    return ReplicaPlan(
        name="m-0",
        namespace="default",
        deployment="m",
        container="c",
        labels={},
        engine="vllm",
        address="127.8.1.1",
        ports=(),
        argv=(),
        env={},
        directory=str(folder / "r"),
        directories=(str(folder / "r" / "volumes" / "scratch"), str(folder / "claims" / "c")),
        files=files,
    )


def test_a_new_replica_begins_empty_and_a_restarted_one_does_not(tmp_path: Path) -> None:
    one = plan(tmp_path)
    make_directories(one, anew=True)
    left = tmp_path / "r" / "volumes" / "scratch" / "left"
    left.touch()
    make_directories(one, anew=False)
    assert left.exists()
    make_directories(one, anew=True)
    assert not left.exists()


def test_claims_outlive_their_replicas(tmp_path: Path) -> None:
    one = plan(tmp_path)
    make_directories(one, anew=True)
    (tmp_path / "claims" / "c" / "weights").touch()
    remove_directories(one)
    assert not (tmp_path / "r").exists()
    assert (tmp_path / "claims" / "c" / "weights").exists()


def test_a_claim_that_is_a_link_to_nowhere_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "c").symlink_to("/nowhere/disk")
    with pytest.raises(OSError, match="claims/c is a link to /nowhere/disk, which is not there"):
        make_directories(plan(tmp_path), anew=True)


def test_files_change_in_place(tmp_path: Path) -> None:
    old = plan(tmp_path, LocalFile(path="v/a", content=b"1", mode=0o400), LocalFile(path="v/b", content=b"2"))
    new = msgspec.structs.replace(old, files=(LocalFile(path="v/a", content=b"3", mode=0o600),))
    write_files(old)
    write_files(new)
    remove_stale_files(old, new)
    assert [(one.name, one.read_bytes(), one.stat().st_mode & 0o777) for one in (tmp_path / "r" / "v").iterdir()] == [
        ("a", b"3", 0o600)
    ]


def test_temporary_files_are_of_one_process_other_folders_of_the_replica(tmp_path: Path) -> None:
    one = msgspec.structs.replace(plan(tmp_path), temporary=str(tmp_path / "t"))
    make_directories(one, anew=True)
    (tmp_path / "t" / "socket").touch()
    (tmp_path / "r" / "volumes" / "scratch" / "kept").touch()
    make_directories(one, anew=False)
    assert list((tmp_path / "t").iterdir()) == []
    assert (tmp_path / "r" / "volumes" / "scratch" / "kept").exists()
    remove_directories(one)
    assert not (tmp_path / "t").exists()


def test_the_next_yard_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "a-path-that-is-too-long-for-sockets" / "home")
    short = Path(temporary_folder(f"{home.replicas}/default_gone-0", 44))
    make_temporary_folder(str(short))
    (home.replicas / "default_gone-0").mkdir(parents=True)
    home.volumes.mkdir()
    remove_remains(home)
    assert not short.parent.exists()
    assert list(home.root.iterdir()) == [home.volumes]
