"""Tests over real gRPC use what those without sockets use."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "extproc")]
