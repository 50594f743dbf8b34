"""The status of a RayService as KubeRay reports it: conditions with its reasons, both clusters, their applications."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from modelyard.local.ray.serve_status import ServeStatus


class ClusterView(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster at one moment."""

    name: str
    serving: bool
    """Its proxy answers and routes to applications."""
    message: str = ""
    status: ServeStatus = ServeStatus()
    traffic_percent: int = 0


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One condition, as Kubernetes writes them."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: str = ""


def conditions(
    active: ClusterView | None,
    pending: ClusterView | None,
    *,
    was_ready: bool,
    timed_out: bool = False,
    suspended: bool = False,
    problem: str = "",
) -> tuple[Condition, ...]:
    """``was_ready``: it was ready before; ``timed_out``: it did not become so in its initializing time; ``problem``:
    why nothing can be started for it."""
    if suspended:
        return (
            Condition(type="Suspended", status="True", reason="SuspendComplete", message="spec.suspend is true"),
            Condition(type="Ready", status="False", reason="SuspendComplete", message="spec.suspend is true"),
        )
    return (_ready(active, pending, was_ready, timed_out, problem), _upgrade(active, pending))


def _ready(
    active: ClusterView | None, pending: ClusterView | None, was_ready: bool, timed_out: bool, problem: str
) -> Condition:
    if active is not None and active.serving:
        troubles = active.status.problem()
        message = "Number of serve endpoints is greater than 0"
        return _condition("Ready", "True", "NonZeroServeEndpoints", f"{message}; {troubles}" if troubles else message)
    where = active or pending
    why = problem or (where.message if where is not None else "") or "no cluster was started yet"
    if timed_out:
        return _condition("Ready", "False", "InitializingTimeout", why)
    return _condition("Ready", "False", "ZeroServeEndpoints" if was_ready else "Initializing", why)


def _upgrade(active: ClusterView | None, pending: ClusterView | None) -> Condition:
    if active is not None and pending is not None:
        message = f"{pending.name} is prepared: {pending.message}; {active.name} serves until then"
        return _condition("UpgradeInProgress", "True", "BothActivePendingClustersExist", message)
    if active is not None:
        return _condition("UpgradeInProgress", "False", "NoPendingCluster", f"{active.name} is the only cluster")
    if pending is not None:
        return _condition("UpgradeInProgress", "Unknown", "NoActiveCluster", f"{pending.name} is the first cluster")
    return _condition("UpgradeInProgress", "Unknown", "Initializing", "no cluster was started yet")


def _condition(type_: str, status: Literal["True", "False", "Unknown"], reason: str, message: str) -> Condition:
    return Condition(type=type_, status=status, reason=reason, message=message)


def with_times(new: tuple[Condition, ...], old: tuple[Condition, ...], now: str) -> tuple[Condition, ...]:
    """``new`` with the time (RFC 3339) of each condition's last change of status."""
    before = {condition.type: condition for condition in old}
    timed = []
    for condition in new:
        was = before.get(condition.type)
        same = was is not None and was.status == condition.status
        since = was.last_transition_time if was is not None and same else now
        timed.append(msgspec.structs.replace(condition, last_transition_time=since))
    return tuple(timed)


def status_object(
    active: ClusterView | None, pending: ClusterView | None, shown: tuple[Condition, ...], generation: int
) -> dict[str, Any]:
    """``status`` of the object."""
    serves = active is not None and active.serving
    return {
        "conditions": msgspec.to_builtins(shown),
        "observedGeneration": generation,
        "serviceStatus": "Running" if serves else "",
        "numServeEndpoints": int(serves),
        **({"activeServiceStatus": _cluster(active)} if active is not None else {}),
        **({"pendingServiceStatus": _cluster(pending)} if pending is not None else {}),
    }


def _cluster(view: ClusterView) -> dict[str, Any]:
    return {
        "rayClusterName": view.name,
        "applicationStatuses": view.status.shown(),
        "trafficRoutedPercent": view.traffic_percent,
        **({"message": view.message} if view.message else {}),
    }
