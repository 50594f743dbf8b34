from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.local.folders import make_folder


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "claim").symlink_to(tmp_path / "disk")
    make_folder(tmp_path / "claim" / "deep" / "er")
    make_folder(tmp_path / "claim" / "deep")
    assert (tmp_path / "disk" / "deep" / "er").is_dir()


@pytest.mark.parametrize("below", [".", "models/m"])
def test_a_link_that_leads_nowhere_is_named_with_its_end_and_what_to_do(tmp_path: Path, below: str) -> None:
    (tmp_path / "claim").symlink_to("/nowhere/disk")
    with pytest.raises(OSError, match=r"claim is a link to /nowhere/disk, which is not there: make or mount that"):
        make_folder(tmp_path / "claim" / below)
    assert not Path("/nowhere").exists()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "claim").touch()
    with pytest.raises(OSError, match=r"claim is a file, and a folder is needed there: move it away"):
        make_folder(tmp_path / "claim" / "m")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"claim cannot be made: Permission denied"):
        make_folder(tmp_path / "claim")
    tmp_path.chmod(0o700)
