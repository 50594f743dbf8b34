"""Makes ``conformance.cases`` and ``conformance.pure_gateway`` importable, whatever runs the cases."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
