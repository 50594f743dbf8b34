from __future__ import annotations

import os
import sys

import pytest

from modelyard.local.memory import available_bytes, family_bytes, family_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


def test_this_process_has_some_and_so_has_the_machine() -> None:
    own = family_bytes(os.getpid())
    assert own is not None
    assert own > 1024**2
    available = available_bytes()
    assert available is not None
    assert available > 0


def test_a_process_that_is_gone_has_nothing() -> None:
    assert family_bytes(2**22 + 1) is None
    assert family_of(2**22 + 1) == {2**22 + 1}
