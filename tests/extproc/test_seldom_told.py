from __future__ import annotations

import pytest

from modelyard.extproc.seldom_told import TELL_EVERY, SeldomTold


def test_the_same_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 5.0
    told = SeldomTold(lambda: now)
    for _ in range(3):
        told.tell("this")
        told.tell("that")
    assert caplog.messages == ["this", "that"]
    now += TELL_EVERY
    told.tell("this")
    assert caplog.messages == ["this", "that", "this"]
