"""What tests of ext_proc streams share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ext_proc_yard import Yard


@pytest.fixture
def yard() -> Yard:
    return Yard()
