"""``/api/rollouts``: how far each Deployment is, restart, undo, history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modelyard.admin.route import Call, Refused, Route
from modelyard.control.commands.ray_rollouts import refuse_ray_service
from modelyard.local.revisions import NoRevision, Revision
from modelyard.local.rollout_status import Condition, RolloutStatus
from modelyard.local.supervisor import LocalRunner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelyard.control.yard import Yard


def routes(yard: Yard) -> Iterable[Route]:
    """The family's addresses."""
    commands = _Rollouts(yard)
    one = "/api/rollouts/{namespace}/{name}"
    return (
        Route(method="GET", path="/api/rollouts", run=commands.list),
        Route(method="GET", path=f"{one}/history", run=commands.history),
        Route(method="POST", path=f"{one}/restart", run=commands.restart),
        Route(method="POST", path=f"{one}/undo", run=commands.undo),
    )


class _Rollouts:
    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    async def list(self, call: Call) -> Any:
        """Every Deployment that runs here."""
        workloads = self._yard.workloads
        return {"rollouts": [] if workloads is None else shown_rollouts(workloads.local)}

    async def history(self, call: Call) -> Any:
        """The revisions that are kept, the oldest first."""
        status = self._status(call)
        kept = self._runner().history(status.namespace, status.name)
        rows = [shown_revision(one, in_force=one is kept.revisions[-1]) for one in kept.revisions]
        return {"kind": "Deployment", "namespace": status.namespace, "name": status.name, "revisions": rows}

    async def restart(self, call: Call) -> Any:
        """Replace every replica."""
        status = self._status(call)
        self._runner().restart_deployment(status.namespace, status.name)
        return shown_rollout(self._status(call))

    async def undo(self, call: Call) -> Any:
        """Back to revision ``toRevision``, or to the one before."""
        status, to = self._status(call), call.body.get("toRevision", 0)
        if not isinstance(to, int) or isinstance(to, bool) or to < 0:
            raise ValueError("toRevision must be the number of a revision; modelyard rollout history shows them")
        try:
            await self._runner().undo(status.namespace, status.name, to)
        except NoRevision as none:
            raise Refused(str(none), status=409, code="no_revision") from none
        return shown_rollout(self._status(call))

    def _runner(self) -> LocalRunner:
        if self._yard.workloads is None:
            raise Refused("this yard runs no replicas (modelyard gateway)", status=409, code="no_replicas")
        return self._yard.workloads.local

    def _status(self, call: Call) -> RolloutStatus:
        asked = (call.path["namespace"], call.path["name"])
        found = self._runner().rollouts()
        for status in found:
            if (status.namespace, status.name) == asked:
                return status
        refuse_ray_service(self._yard.resource_set, *asked)
        there = ", ".join(f"{one.namespace}/{one.name}" for one in found) or "none"
        raise Refused(f"no Deployment {'/'.join(asked)} runs here; there are: {there}", status=404, code="not_found")


def shown_rollouts(local: LocalRunner) -> list[dict[str, Any]]:
    """Every Deployment that runs here, as the admin API shows it."""
    return [shown_rollout(status) for status in local.rollouts()]


def shown_rollout(status: RolloutStatus) -> dict[str, Any]:
    """One Deployment; the names are those of ``Deployment.status`` where it has them."""
    return {
        "kind": "Deployment",
        "namespace": status.namespace,
        "name": status.name,
        "revision": status.revision,
        "complete": status.counts.complete,
        "desiredReplicas": status.counts.desired,
        **deployment_status(status),
        "leaving": status.counts.leaving,
        "strategy": status.strategy,
        "note": status.note,
        "pinnedTo": status.pinned_to or None,
        "restartedAt": status.restarted_at or None,
    }


def deployment_status(status: RolloutStatus) -> dict[str, Any]:
    """``Deployment.status`` as Kubernetes has it."""
    counts = status.counts
    return {
        "replicas": counts.total,
        "updatedReplicas": counts.updated,
        "readyReplicas": counts.ready,
        "availableReplicas": counts.available,
        "unavailableReplicas": max(0, counts.desired - counts.available),
        "conditions": [_shown_condition(condition) for condition in status.conditions],
    }


def add_statuses(shown: Iterable[dict[str, Any]], rollouts: Iterable[RolloutStatus]) -> None:
    """``status`` of those objects among ``shown`` that are Deployments which run here."""
    known = {(status.namespace, status.name): status for status in rollouts}
    for item in shown:
        metadata = item["metadata"]
        status = known.get((metadata.get("namespace", "default"), metadata["name"]))
        if item["kind"] == "Deployment" and status is not None:
            item["status"] = deployment_status(status)


def shown_revision(revision: Revision, *, in_force: bool) -> dict[str, Any]:
    """One row of the history."""
    containers = revision.template.spec.containers
    return {
        "revision": revision.number,
        "inForce": in_force,
        "created": _rfc3339(revision.created),
        "changeCause": revision.cause,
        "images": [container.image for container in containers],
        "args": [" ".join(container.args) for container in containers],
    }


def _shown_condition(condition: Condition) -> dict[str, Any]:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": _rfc3339(condition.last_transition_time),
    }


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
