from __future__ import annotations

from modelyard.lora.attempts import LAST_RETRY, Attempts
from modelyard.lora.condition import Reason
from modelyard.lora.plan import Load, Unload, Version

LOAD = Load(name="a", engine_name="a@11111111", version=Version(path="/a", suffix="11111111"))
UNLOAD = Unload(engine_name="a")


def test_attempts_come_further_and_further_apart() -> None:
    attempts, now = Attempts(), 100.0
    waits = []
    for _ in range(9):
        assert attempts.is_due(LOAD, now)
        attempts.failed(LOAD, "no", unreachable=False, now=now)
        (again,) = attempts.times()
        assert not attempts.is_due(LOAD, again - 0.01)
        waits.append(again - now)
        now = again
    assert waits == [1, 2, 4, 8, 16, 32, LAST_RETRY, LAST_RETRY, LAST_RETRY]
    (failure,) = attempts.failures.values()
    assert (failure.reason, failure.message, failure.attempts) == (Reason.ENGINE_REFUSED, "no", 9)
    attempts.succeeded(LOAD)
    assert not attempts.failures


def test_only_what_is_still_planned_is_remembered() -> None:
    attempts = Attempts()
    attempts.failed(LOAD, "no", unreachable=False, now=0.0)
    attempts.failed(UNLOAD, "gone", unreachable=True, now=0.0)
    assert attempts.concerns("a")
    assert not attempts.concerns("b")
    attempts.keep([UNLOAD])
    assert list(attempts.failures) == [("a", "")]
    assert attempts.failures["a", ""].reason is Reason.ENGINE_UNREACHABLE
    attempts.forget()
    assert attempts.is_due(UNLOAD, 0.0)
