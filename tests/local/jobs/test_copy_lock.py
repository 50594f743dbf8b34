from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.local.jobs.copy_lock import StillHeld, only_copier


@contextmanager
def held(path: Path, content: str) -> Iterator[int]:
    """As another process holds it: the kernel tells descriptors apart, not processes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(descriptor, content.encode())
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_who_waits_hears_who_holds_it_and_goes_on_when_it_is_free(tmp_path: Path) -> None:
    lock, heard = tmp_path / "lock", []
    with held(lock, "4711") as descriptor:

        def waiting(holder: str) -> None:
            heard.append(holder)
            fcntl.flock(descriptor, fcntl.LOCK_UN)

        with only_copier(lock, waiting):
            assert lock.read_text() == str(os.getpid())
    assert lock.read_text() == ""
    assert heard == ["process 4711"]


def test_waiting_has_an_end(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    message = "another process still holds .*lock after 0 s"
    with held(lock, ""), pytest.raises(StillHeld, match=message), only_copier(lock, lambda holder: None, 0.0):
        pass


def test_whoever_waits_may_give_up(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    def give_up(holder: str) -> None:
        raise KeyboardInterrupt

    with held(lock, "1"), pytest.raises(KeyboardInterrupt), only_copier(lock, give_up):
        pass
