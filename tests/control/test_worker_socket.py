from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.control import worker_socket
from modelyard.control.worker_socket import default_socket_path


def test_it_is_in_the_home(tmp_path: Path) -> None:
    home = Path("/tmp") / tmp_path.name
    assert default_socket_path(home) == home / "run" / "workers.sock"
    assert default_socket_path(home, "epp-9002") == home / "run" / "epp-9002.sock"


def test_a_long_home_has_it_elsewhere(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    first, second = default_socket_path(long), default_socket_path(long, "epp")
    assert first != second
    assert all(len(os.fsencode(path)) <= 100 and not path.is_relative_to(long) for path in (first, second))
    assert first == default_socket_path(long)


def test_a_home_that_cannot_be_written_to_has_it_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_socket.os, "access", lambda path, mode: False)
    home = Path("/read-only")
    assert not default_socket_path(home).is_relative_to(home)
