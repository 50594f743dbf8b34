"""Makes ``conformance`` (the cases as data), ``running_gateway``, ``echo_backends`` and ``plain_client`` importable."""

from __future__ import annotations

import sys
from pathlib import Path

for _folder in (Path(__file__).parent, Path(__file__).parent.parent):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
