"""Makes ``docs.examples`` (tests/docs) and ``docs.tables`` (the documentation's own script) importable."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]
