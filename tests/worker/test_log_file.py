from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.worker import log_file
from modelyard.worker.log_file import LogFile


def test_a_rotated_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = LogFile(str(path))
    log.write(b"one\n")
    path.rename(tmp_path / "access.log.1")
    log.write(b"two\n")
    path.unlink()
    log.write(b"three\n")
    log.close()
    assert (tmp_path / "access.log.1").read_bytes() == b"one\n"
    assert path.read_bytes() == b"three\n"


def test_a_truncated_file_goes_on_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = LogFile(str(path))
    log.write(b"one\n")
    path.write_bytes(b"")
    log.write(b"two\n")
    log.close()
    assert path.read_bytes() == b"two\n"


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "access.log"
    log = LogFile(str(path))
    room = [2]
    write = log_file.os.write

    def short_of_room(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        part = data[: room[0]]
        room[0] -= len(part)
        return write(descriptor, part)

    with monkeypatch.context() as patched:
        patched.setattr(log_file.os, "write", short_of_room)
        log.write(b"one\n")
        log.write(b"two\n")
    log.write(b"three\n")
    log.write(b"four\n")
    log.close()
    assert path.read_bytes() == b"on\nthree\nfour\n"
