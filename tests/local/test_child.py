from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local import child


def test_a_full_log_is_moved_away_and_a_few_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_BYTES", 10)
    path = tmp_path / "x.log"
    log = child.Log(str(path))
    for number in range(8):
        log.write(f"line {number}\n".encode())
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == ["x.log", "x.log.1", "x.log.2", "x.log.3", "x.log.4"]
    assert path.read_text() == "line 7\n"
    assert (tmp_path / "x.log.4").read_text() == "line 3\n"


def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    child.Log(str(path)).write(b"one\n")
    child.Log(str(path)).write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
