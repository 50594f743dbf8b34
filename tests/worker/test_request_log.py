from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.exchange.record import ExchangeRecord
from modelyard.worker.request_log import RequestLog, absolute


def paths_in(file: Path) -> list[str]:
    return [json.loads(line)["path"] for line in file.read_text().splitlines()]


def write(requests: RequestLog, path: str) -> None:
    assert requests.lines is not None
    requests.lines.record(ExchangeRecord("GET", path))


def test_it_moves_to_another_file_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    requests = RequestLog(str(first))
    write(requests, "/a")
    requests.move(str(second))
    write(requests, "/b")
    requests.move("-")
    requests.move(str(second))
    requests.move(str(tmp_path / "none" / "third.log"))
    requests.flush()
    assert (paths_in(first), paths_in(second)) == (["/a"], ["/b"])
    assert "stays where it is" in caplog.text
    requests.close()


def test_none_and_then_one_and_none_again(tmp_path: Path) -> None:
    requests = RequestLog("")
    assert requests.lines is None
    requests.flush()
    requests.move(str(tmp_path / "a.log"))
    write(requests, "/a")
    requests.move("")
    assert requests.lines is None
    assert paths_in(tmp_path / "a.log") == ["/a"]
    requests.close()


def test_what_another_process_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [absolute(path) for path in ("", "-", "a.log", "/b.log")] == ["", "-", str(tmp_path / "a.log"), "/b.log"]
