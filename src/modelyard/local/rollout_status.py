"""How far a Deployment is, in the words of Kubernetes: counts and conditions. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As in ``Deployment.status.conditions``; times are Unix seconds."""

    type: Literal["Available", "Progressing"]
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: float = 0.0
    """When ``status`` last changed."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Replicas of one Deployment; those that stop are only in ``leaving``."""

    desired: int
    total: int
    updated: int
    """As the Deployment is now."""
    ready: int
    available: int
    updated_available: int
    leaving: int = 0

    @property
    def complete(self) -> bool:
        """Every replica is as the Deployment is now, and available; nothing else is there."""
        return self.desired == self.updated == self.total == self.updated_available and not self.leaving


class RolloutStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One Deployment at one moment."""

    namespace: str
    name: str
    revision: int
    counts: Counts
    strategy: str
    """How replicas are replaced, for people."""
    conditions: tuple[Condition, ...]
    note: str = ""
    """What is done otherwise than the manifest says, and why."""
    pinned_to: int = 0
    """Revision to which ``rollout undo`` has pinned it; 0: it is as the manifest says."""
    restarted_at: str = ""
    """When ``rollout restart`` was last asked for (RFC 3339); empty: not since the yard started."""

    def condition(self, kind: str) -> Condition:
        """One of the two."""
        return next(one for one in self.conditions if one.type == kind)


def available_condition(counts: Counts, fewest: int) -> Condition:
    """Whether at least ``fewest`` replicas are available."""
    if counts.available >= fewest:
        return Condition(
            type="Available", status="True", reason="MinimumReplicasAvailable", message="enough replicas are available"
        )
    return Condition(
        type="Available",
        status="False",
        reason="MinimumReplicasUnavailable",
        message=f"{counts.available} of {counts.desired} replicas are available, {fewest} are needed",
    )


def progressing_condition(counts: Counts, *, paused: bool, late: str) -> Condition:
    """Whether an update goes on. ``late``: why it is taken to have failed; empty: it is not."""
    if paused:
        return Condition(type="Progressing", status="Unknown", reason="DeploymentPaused", message="spec.paused is true")
    if counts.complete:
        message = f"{counts.updated} of {counts.desired} replicas are updated and available"
        return Condition(type="Progressing", status="True", reason="NewReplicaSetAvailable", message=message)
    if late:
        return Condition(type="Progressing", status="False", reason="ProgressDeadlineExceeded", message=late)
    return Condition(type="Progressing", status="True", reason="ReplicaSetUpdated", message=waiting_for(counts))


def waiting_for(counts: Counts) -> str:
    """What is missing, for people."""
    if counts.updated < counts.desired:
        return f"{counts.updated} of {counts.desired} replicas are updated"
    old = counts.total - counts.updated
    if old > 0 or counts.leaving:
        return f"{max(0, old) + counts.leaving} old replicas still have to stop"
    return f"{counts.updated_available} of {counts.updated} updated replicas are available"
