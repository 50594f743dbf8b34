"""A ``preStop`` hook as a manifest writes it -> what is run here, and what is said about it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.local.pre_stop import PreStop
from modelyard.local.probe_plan import ProbeTarget, plan_action
from modelyard.local.probes import TcpSocket
from modelyard.local.replica_plan import AppliedSetting
from modelyard.resources.sleep_command import hook_seconds, is_shell

if TYPE_CHECKING:
    from modelyard.resources.probes import LifecycleHandler

NAME = "lifecycle.preStop"


def plan_pre_stop(
    handler: LifecycleHandler, target: ProbeTarget, grace: float
) -> tuple[PreStop | None, tuple[AppliedSetting, ...]]:
    """The hook that is run, if one is, and what differs. Raises ValueError for a port name that there is not."""
    seconds = hook_seconds(handler)
    if seconds is not None:
        return None, _sleeping(seconds, grace)
    if handler.exec is not None and is_shell(handler.exec):
        return None, (_left_out("a shell script is not run here"),)
    action = plan_action(handler, target)
    if action is None or isinstance(action, TcpSocket):
        return None, (_left_out("Kubernetes does nothing for tcpSocket hooks"),)
    return PreStop(action=action), ()


def _sleeping(seconds: float, grace: float) -> tuple[AppliedSetting, ...]:
    why = (
        "the gateway takes a replica out of rotation by itself and knows when its last request is over; "
        "the sleep is over then as well"
    )
    found = [AppliedSetting(setting=NAME, change=f"sleep {seconds:g} s, cut short when no request is open", reason=why)]
    if seconds >= grace:
        why = f"a cluster's SIGKILL comes before the preStop sleep of {seconds:g} s is over"
        change = f"{grace:g} s leave nothing for requests"
        found.append(AppliedSetting(setting="terminationGracePeriodSeconds", change=change, reason=why))
    return tuple(found)


def _left_out(reason: str) -> AppliedSetting:
    return AppliedSetting(setting=NAME, change="left out", reason=reason)
