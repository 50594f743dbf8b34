from __future__ import annotations

from pathlib import Path

from modelyard.local.log_tail import last_line


def test_the_last_line_with_anything_on_it(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert last_line(log) == ""
    log.write_bytes(b"first\nError: no \xff such model\n\n  \n")
    assert last_line(log) == "Error: no � such model"


def test_a_long_line_is_shortened(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("x" * 5000)
    assert len(last_line(log)) == 200
