from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.local import temporary_folders
from modelyard.local.temporary_folders import (
    make_temporary_folder,
    remove_temporary_folder,
    temporary_folder,
    temporary_root,
)

DEEP = "/home/somebody/with/a/long/path/.modelyard/replicas"


def test_it_lies_in_the_engines_directory_where_sockets_fit() -> None:
    assert temporary_folder("/y/replicas/default_m-0", 60) == "/y/replicas/default_m-0/tmp"


def test_else_it_is_short_and_follows_from_the_directory() -> None:
    one, two = (temporary_folder(f"{DEEP}/default_m-{number}", 44) for number in range(2))
    assert one != two
    assert all(folder.startswith(temporary_root(DEEP) + "/") and len(folder) <= 44 for folder in (one, two))
    assert one == temporary_folder(f"{DEEP}/default_m-0", 44)
    assert temporary_root(DEEP) != temporary_root(f"{DEEP}s")


def test_bytes_count_not_characters() -> None:
    directory = "/" + "ü" * 10
    assert temporary_folder(directory, 23, "t") == f"{directory}/t"
    assert temporary_folder(directory, 22, "t").startswith(temporary_root(""))


def test_it_is_made_empty_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "r" / "tmp"
    make_temporary_folder(str(folder))
    (folder / "socket").touch()
    make_temporary_folder(str(folder))
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700


def test_the_outer_folder_may_vanish_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, vanish = temporary_folders.make_private_folder, [True]

    def made(folder: str) -> None:
        if folder.endswith("/inner"):
            if vanish:
                vanish.pop()
                os.rmdir(tmp_path / "outer")
            os.mkdir(folder)
        else:
            make(folder)

    monkeypatch.setattr(temporary_folders, "make_private_folder", made)
    make_temporary_folder(str(tmp_path / "outer" / "inner"))
    assert (tmp_path / "outer" / "inner").is_dir()


def test_a_link_that_somebody_laid_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    (tmp_path / "trap").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="trap is not this user's own folder; remove it"):
        make_temporary_folder(str(tmp_path / "trap"))
    assert (tmp_path / "elsewhere" / "file").exists()


def test_the_root_goes_with_the_last_folder(tmp_path: Path) -> None:
    parent = str(tmp_path / "a-path-that-is-too-long" / "replicas")
    one, two = (temporary_folder(f"{parent}/{name}", 44) for name in ("one", "two"))
    make_temporary_folder(one)
    make_temporary_folder(two)
    remove_temporary_folder(one)
    assert Path(two).is_dir()
    remove_temporary_folder(two)
    assert not Path(temporary_root(parent)).exists()


def test_an_engines_own_directory_stays(tmp_path: Path) -> None:
    make_temporary_folder(str(tmp_path / "r" / "tmp"))
    remove_temporary_folder(str(tmp_path / "r" / "tmp"))
    assert list((tmp_path / "r").iterdir()) == []
