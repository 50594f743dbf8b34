"""What tests with a real Envoy share. Makes ``envoy_setup``, ``edge_client``, ``measuring_backends`` and
``faulty_picker`` importable."""

from __future__ import annotations

import sys
from pathlib import Path

if str(Path(__file__).parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent))
