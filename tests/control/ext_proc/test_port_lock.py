from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

import pytest

from modelyard.control.ext_proc.port_lock import PortLock, holder


def test_one_process_holds_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "run" / "epp.lock"
    lock = PortLock(path)
    assert holder(path) == os.getpid()
    with pytest.raises(BlockingIOError):
        PortLock(path)
    lock.remove()
    assert not path.exists()
    assert holder(path) is None


def test_a_file_that_was_removed_meanwhile_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last holder ends after another process has opened it, and before that one locks it."""
    path, flock = tmp_path / "epp.lock", fcntl.flock
    path.touch()
    removed: list[Path] = []

    def late(file: IO[str], how: int) -> None:
        if not removed:
            removed.append(path)
            path.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    lock = PortLock(path)
    assert (path.exists(), holder(path)) == (True, os.getpid())
    lock.remove()


def test_one_that_nobody_holds_any_more(tmp_path: Path) -> None:
    path = tmp_path / "epp.lock"
    path.write_text("4711")
    assert holder(path) is None
    PortLock(path).remove()
