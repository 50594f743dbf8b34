"""Programs of the environment that the benchmark runs in."""

from __future__ import annotations

import sys
from pathlib import Path


def tool(name: str) -> str:
    """The program ``name`` beside this interpreter. Raises FileNotFoundError where it is not installed."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: `make bench` installs it (requirements/bench.txt)")
    return str(path)
