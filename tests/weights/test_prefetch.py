from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from modelyard.weights import prefetch
from modelyard.weights.errors import WeightsError
from modelyard.weights.prefetch import read_ahead


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prefetch, "_BLOCK", 1000)
    for number, size in enumerate((2500, 1, 0)):
        (tmp_path / f"{number}.safetensors").write_bytes(bytes(size))
    (tmp_path / "tokenizer.json").write_bytes(bytes(7777))
    return tmp_path


@pytest.mark.parametrize("readers", [1, 3, 20])
def test_every_byte_of_safetensors_is_read(folder: Path, readers: int) -> None:
    said: list[tuple[int, int]] = []
    found = read_ahead(folder, readers=readers, said=lambda done, total: said.append((done, total)))
    assert (found.files, found.size, found.total) == (3, 2501, 2501)
    assert said[-1] == (2501, 2501)


def test_no_more_than_fits(folder: Path) -> None:
    found = read_ahead(folder, most=1200)
    assert (found.size, found.total) == (1200, 2501)


def test_a_file_system_that_cannot_send(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sendfile(*arguments: Any) -> int:
        raise OSError(errno.EINVAL, "cannot")

    monkeypatch.setattr(os, "sendfile", sendfile)
    assert read_ahead(folder).size == 2501


def test_what_cannot_be_read(folder: Path) -> None:
    assert read_ahead(folder / "0.safetensors").size == 2500
    with pytest.raises(WeightsError, match="does not exist"):
        read_ahead(folder / "none")
    (folder / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"has no \.safetensors"):
        read_ahead(folder / "empty")
