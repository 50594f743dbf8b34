from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.lora.disused_versions import LINGER, DisusedVersions


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name in ("food@1", "food@2", ".draft-x@1", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def test_a_version_goes_when_it_has_been_out_of_use_for_a_while(store: Path) -> None:
    clock = Clock()
    disused = DisusedVersions(store, clock)
    assert disused.take_away([str(store / "food@1"), "/elsewhere/food"]) == []
    clock.now += LINGER - 1
    assert disused.take_away([str(store / "food@1")]) == []
    clock.now += 1
    (gone,) = disused.take_away([str(store / "food@1")])
    assert (gone / "food@2" / "file").read_text() == "food@2"
    assert sorted(os.listdir(store)) == sorted([".draft-x@1", "food@1", "notes", gone.name])
    assert disused.take_away([str(store / "food@1")]) == []


def test_a_version_that_is_used_again_stays(store: Path) -> None:
    clock, both = Clock(), [str(store / "food@1"), str(store / "food@2")]
    disused = DisusedVersions(store, clock)
    for _ in range(3):
        assert disused.take_away(both[:1]) == []
        clock.now += LINGER - 1
        assert disused.take_away(both) == []
        clock.now += 1


def test_a_store_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    assert DisusedVersions(tmp_path / "none", Clock()).take_away([]) == []
