from __future__ import annotations

import pytest

from modelyard.local.pre_stop import PreStop
from modelyard.local.pre_stop_plan import plan_pre_stop
from modelyard.local.probe_plan import ProbeTarget
from modelyard.local.probes import Exec, HttpGet
from modelyard.resources.probes import ExecAction, HTTPGetAction, LifecycleHandler, SleepAction, TCPSocketAction

TARGET = ProbeTarget(
    address="127.8.1.1",
    names={"http": 8000},
    local_ports={8000: 20001},
    rewrite=lambda word: word.replace("/old", "/new"),
)


@pytest.mark.parametrize(
    "handler",
    [LifecycleHandler(sleep=SleepAction(seconds=30)), LifecycleHandler(exec=ExecAction(command=("/bin/sleep", "30")))],
)
def test_a_sleep_is_cut_short_and_that_is_said(handler: LifecycleHandler) -> None:
    hook, settings = plan_pre_stop(handler, TARGET, grace=130.0)
    assert hook is None
    assert [row.change for row in settings] == ["sleep 30 s, cut short when no request is open"]
    assert len(plan_pre_stop(handler, TARGET, grace=30.0)[1]) == 2


def test_commands_and_requests_are_run() -> None:
    hook, settings = plan_pre_stop(LifecycleHandler(exec=ExecAction(command=("/old/save", "x"))), TARGET, grace=30.0)
    assert (hook, settings) == (PreStop(action=Exec(command=("/new/save", "x"))), ())
    hook, settings = plan_pre_stop(
        LifecycleHandler(http_get=HTTPGetAction(path="/drain", port="http")), TARGET, grace=30.0
    )
    assert (hook, settings) == (PreStop(action=HttpGet(host="127.8.1.1", port=20001, path="/drain")), ())


@pytest.mark.parametrize(
    "handler",
    [
        LifecycleHandler(exec=ExecAction(command=("sh", "-c", "while true; do sleep 1; done"))),
        LifecycleHandler(tcp_socket=TCPSocketAction(port=8000)),
    ],
)
def test_what_is_not_run_is_said(handler: LifecycleHandler) -> None:
    hook, settings = plan_pre_stop(handler, TARGET, grace=30.0)
    assert hook is None
    assert [row.change for row in settings] == ["left out"]
