from __future__ import annotations

import pytest

from modelyard.resources.probes import ExecAction, HTTPGetAction, LifecycleHandler, SleepAction
from modelyard.resources.sleep_command import hook_seconds, is_shell, sleep_seconds


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (["sleep", "30"], 30.0),
        (["/usr/bin/sleep", "2.5"], 2.5),
        (["/bin/sleep", "2m"], 120.0),
        (["sh", "-c", "sleep 15"], 15.0),
        (["/bin/bash", "-c", "exec sleep 15s"], 15.0),
        (["/bin/sh", "-c", "sleep 15;"], 15.0),
        (["/bin/sh", "-ec", "sleep 1m 5  # wait for load balancers"], 65.0),
        (["sh", "-c", "sleep 15; curl localhost"], None),
        (["sh", "-c", "sleep 15 && curl localhost"], None),
        (["sh", "-c", "sleep $WAIT"], None),
        (["sh", "-c", "sleep 'unfinished"], None),
        (["sleep", "forever"], None),
        (["curl", "30"], None),
        ([], None),
    ],
)
def test_sleeps_are_recognised(command: list[str], seconds: float | None) -> None:
    assert sleep_seconds(ExecAction(command=tuple(command))) == seconds


def test_shells_are_recognised() -> None:
    assert is_shell(ExecAction(command=("/bin/sh", "-c", "x")))
    assert not is_shell(ExecAction(command=("/usr/bin/curl", "x")))
    assert not is_shell(ExecAction())


def test_hooks_of_both_kinds() -> None:
    assert hook_seconds(LifecycleHandler(sleep=SleepAction(seconds=3))) == 3.0
    assert hook_seconds(LifecycleHandler(exec=ExecAction(command=("sleep", "4")))) == 4.0
    assert hook_seconds(LifecycleHandler(http_get=HTTPGetAction(port=1))) is None
