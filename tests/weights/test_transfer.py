from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from memory_store import MemoryStore

from modelyard.weights import transfer
from modelyard.weights.errors import WeightsError
from modelyard.weights.limits import FetchLimits
from modelyard.weights.meter import Meter
from modelyard.weights.transfer import Stopped, Transfer

CONTENT = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_FIRST_PAUSE", 0.0)


def run(store: MemoryStore, folder: Path, meter: Meter | None = None) -> str:
    (file,) = store.listing().files
    return Transfer(store, file, folder / "part", folder / "whole", FetchLimits(attempts=3), meter or Meter(0)).run()


def test_a_file_comes_whole(tmp_path: Path) -> None:
    meter = Meter(0)
    assert run(MemoryStore({"a": CONTENT}), tmp_path, meter) == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "whole").read_bytes() == CONTENT
    assert not (tmp_path / "part").exists()
    assert meter.done == len(CONTENT)


def test_an_empty_file_comes_without_asking(tmp_path: Path) -> None:
    store = MemoryStore({"a": b""})
    run(store, tmp_path)
    assert (tmp_path / "whole").read_bytes() == b""
    assert not store.reads


def test_what_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    store = MemoryStore({"a": CONTENT})
    (tmp_path / "part").write_bytes(CONTENT[:4321])
    run(store, tmp_path)
    assert store.reads == [("a", 4321)]
    assert (tmp_path / "whole").read_bytes() == CONTENT


def test_interruptions_are_gone_on_from_and_counted_only_without_progress(tmp_path: Path) -> None:
    store = MemoryStore({"a": CONTENT})
    store.interruptions = [2000, 0, 0, 1000, 0, 0, 500]
    run(store, tmp_path)
    assert [start for _, start in store.reads] == [0, 2000, 2000, 2000, 3000, 3000, 3000, 3500]
    assert (tmp_path / "whole").read_bytes() == CONTENT


def test_it_gives_up_and_keeps_what_came(tmp_path: Path) -> None:
    store = MemoryStore({"a": CONTENT})
    store.interruptions = [1000, 0, 0, 0]
    with pytest.raises(WeightsError, match=r"the line broke; fetch again"):
        run(store, tmp_path)
    assert (tmp_path / "part").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("left", [b"\0" * 5000, CONTENT[:100] + b"?" + CONTENT[101:5000], CONTENT + b"more"])
def test_a_wrong_tail_of_an_earlier_run_is_fetched_anew(tmp_path: Path, left: bytes) -> None:
    """After a power cut a file may have bytes that were never written."""
    (tmp_path / "part").write_bytes(left)
    meter = Meter(min(len(left), len(CONTENT)))
    run(MemoryStore({"a": CONTENT}), tmp_path, meter)
    assert (tmp_path / "whole").read_bytes() == CONTENT
    assert meter.done == len(CONTENT)


def test_wrong_bytes_are_thrown_away(tmp_path: Path) -> None:
    store = MemoryStore({"a": CONTENT})
    store.lies = {"a": b"?" * len(CONTENT)}
    with pytest.raises(WeightsError, match="other bytes than its source says"):
        run(store, tmp_path)
    assert (tmp_path / "part").read_bytes() == b""
    assert not (tmp_path / "whole").exists()


def test_a_checksum_that_the_source_takes_back(tmp_path: Path) -> None:
    store = MemoryStore({"a": CONTENT})
    store.lies, store.honest = {"a": b"?" * len(CONTENT)}, False
    assert run(store, tmp_path) == hashlib.sha256(b"?" * len(CONTENT)).hexdigest()


def test_more_than_was_listed_ends_it(tmp_path: Path) -> None:
    store = MemoryStore({"a": CONTENT})
    store.lies = {"a": CONTENT * 2}
    with pytest.raises(WeightsError, match="longer than its source says"):
        run(store, tmp_path)


def test_it_stops_when_all_shall_end(tmp_path: Path) -> None:
    meter = Meter(0)
    meter.stop()
    with pytest.raises(Stopped):
        run(MemoryStore({"a": CONTENT}), tmp_path, meter)


def test_a_link_in_the_place_of_the_partial_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / "part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        run(MemoryStore({"a": CONTENT}), tmp_path)
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
