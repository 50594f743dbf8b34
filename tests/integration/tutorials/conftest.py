"""Makes ``docs.examples`` (tests/docs) and ``engine.running_yard`` importable."""

from __future__ import annotations

import sys
from pathlib import Path

INTEGRATION = Path(__file__).parents[1]
sys.path[:0] = [str(INTEGRATION.parent), str(INTEGRATION)]
