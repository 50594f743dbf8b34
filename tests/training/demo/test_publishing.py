from __future__ import annotations

from pathlib import Path

from training.demo.publishing import SUMS, differing, fresh, write_sums


def test_a_rebuild_is_compared_file_by_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (fresh(tmp_path / name) / "weights").write_text(name)
    write_sums(tmp_path, ["a", "b"])
    reference = (tmp_path / SUMS).read_text()
    assert differing(tmp_path, ["a", "b"], reference) == []
    (tmp_path / "a/weights").write_text("x")
    (tmp_path / "b/new").write_text("")
    assert differing(tmp_path, ["a", "b"], reference) == ["a/weights", "b/new"]


def test_what_was_there_is_gone(tmp_path: Path) -> None:
    (fresh(tmp_path / "a") / "old").write_text("")
    assert not list(fresh(tmp_path / "a").iterdir())
