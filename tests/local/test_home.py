from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local.home import Home


def test_the_default_and_a_given_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.at().root == tmp_path / ".modelyard"
    assert Home.at("~/x").root == tmp_path / "x"
    monkeypatch.chdir(tmp_path)
    assert Home.at("x").log_of("default", "m-0") == tmp_path / "x" / "logs" / "default_m-0.log"
