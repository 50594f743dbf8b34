from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from modelyard.control import yard_file
from modelyard.control.yard_file import (
    HomeInUse,
    YardFile,
    in_use,
    only_yard,
    read_yard_file,
    remove_yard_file,
    write_yard_file,
    yard_path,
)
from modelyard.local.home import Home


def test_a_home_has_one_yard_at_a_time(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with only_yard(home):
        write_yard_file(home, YardFile(pid=4711, admin_url="http://127.0.0.1:9901"))
        with pytest.raises(HomeInUse, match="4711"), only_yard(home):
            pass
    with only_yard(home):
        pass


def test_a_home_is_in_use_while_its_yard_runs_whatever_its_file_says(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert not in_use(home)
    with only_yard(home):
        assert in_use(home)
    write_yard_file(home, YardFile(pid=os.getpid(), admin_url="http://127.0.0.1:9901"))
    assert not in_use(home)


def test_a_look_at_the_lock_does_not_keep_a_yard_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.at(tmp_path)
    with (tmp_path / "yard.lock").open("a") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        monkeypatch.setattr(yard_file, "_LOOK_SECONDS", 10.0)
        monkeypatch.setattr("modelyard.control.yard_file.time.sleep", lambda seconds: look.close())
        with only_yard(home):
            assert look.closed
            assert in_use(home)


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    content = YardFile(pid=os.getpid(), admin_url="http://127.0.0.1:9901", addresses=("http://127.0.0.1:8080",))
    write_yard_file(home, content)
    assert read_yard_file(home) == content
    remove_yard_file(home)
    assert read_yard_file(home) is None


def test_only_its_own_process_removes_the_file(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    write_yard_file(home, YardFile(pid=os.getpid() + 1, admin_url="http://127.0.0.1:9901"))
    remove_yard_file(home)
    assert yard_path(home).exists()


def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    yard_path(home).write_text("{")
    assert read_yard_file(home) is None
