from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from modelyard.local.claims import ClaimError, ClaimFiller
from modelyard.local.demo_weights.__main__ import FORMAT, MARKER
from modelyard.local.home import Home
from modelyard.local.replica_plan import WeightsSource


def fill(folder: Path, source: str, python: str = sys.executable) -> None:
    home = Home.at(folder / "home")
    home.logs.mkdir(parents=True)
    filler = ClaimFiller(home)
    wanted = WeightsSource(directory=str(folder), source=source)
    asyncio.run(asyncio.wait_for(filler.fill(wanted, python, lambda text: None), 20))


def test_an_unknown_source_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClaimError, match=r"'gs://b' is no source .* use demo://, or remove the annotation"):
        fill(tmp_path, "gs://b")


def test_demo_models_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(f"{FORMAT} 0\n")
    fill(tmp_path, "demo://")
    assert "already" in (tmp_path / "home/logs/demo-weights.log").read_text()


def test_a_failure_names_the_log_and_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(ClaimError, match=r"see .*demo-weights\.log\): cannot start /no/such"):
        fill(tmp_path, "demo://", "/no/such")
