from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lora"))


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sends requests here: what is retired may go soon."""
    monkeypatch.setattr("modelyard.lora.plan.GRACE", 0.1)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a state, on the loop."""

    async def wait(condition: Callable[[], object], what: str) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - the states of many parts
                await asyncio.sleep(0.01)
        assert condition(), what

    return wait
