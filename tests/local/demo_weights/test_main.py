from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local.demo_weights.__main__ import FORMAT, MARKER, is_made, main


def test_models_that_are_there_are_not_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_made(tmp_path, 0)
    (tmp_path / MARKER).write_text(f"{FORMAT} 0\n")
    assert is_made(tmp_path, 0)
    assert not is_made(tmp_path, 1)
    assert main([str(tmp_path)]) == 0
    assert "already" in capsys.readouterr().out
