"""Writes ``golden.yaml`` anew."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from test_edge import GOLDEN, golden

if __name__ == "__main__":
    GOLDEN.write_text(golden())
