from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modelyard.local.claims import ClaimError, make_demo_models


def make(directory: Path, python: str) -> list[str]:
    said: list[str] = []
    asyncio.run(make_demo_models(directory / "models", python, directory / "log", said.append))
    return said


def test_a_failed_run_says_where_its_log_is(tmp_path: Path) -> None:
    with pytest.raises(ClaimError, match="could not be made"):
        make(tmp_path, "/no/such")
