"""Runs the Deployments of a ResourceSet and keeps them running."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from modelyard.local.home import Home
from modelyard.local.replica_plan import DeploymentPlan, EngineMode
from modelyard.local.status import LocalPod, ReplicaStatus

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet

Drain = Callable[[LocalPod], Awaitable[None]]
"""Waits until no request runs on a replica that is about to be stopped. Called after it was reported not
ready; cancelled when the replica's grace period is over."""


class LocalRunner:
    """The local replicas of one yard.

    Not thread-safe; everything runs on the loop that calls ``apply``. Nothing here raises for what a manifest
    says: a Deployment that cannot run is in ``plans()`` with its ``problem``.
    """

    def __init__(
        self,
        *,
        home: Home,
        engine: EngineMode = EngineMode.AUTO,
        concurrent_starts: int = 0,
        on_change: Callable[[], None] = lambda: None,
        drain: Drain | None = None,
    ) -> None:
        """``concurrent_starts``: engines that may load at the same time; 0: decided from the cores.
        ``on_change`` is called (on the loop, soon after, changes joined) when ``replicas()`` or
        ``endpoints()`` changed."""

    async def apply(self, resources: ResourceSet) -> None:
        """Make the machine run what ``resources`` say: start, replace, remove. Returns when the work is
        under way, not when replicas are ready; a second call supersedes the first."""
        raise NotImplementedError

    def plans(self) -> tuple[DeploymentPlan, ...]:
        """What each Deployment became: replicas, skipped parts, problems."""
        raise NotImplementedError

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Every replica, by namespace, Deployment and ordinal."""
        raise NotImplementedError

    def endpoints(self) -> tuple[LocalPod, ...]:
        """Every replica as a Pod, ready or not (``ready``)."""
        raise NotImplementedError

    async def restart(self, key: str) -> None:
        """Stop and start one replica (``namespace/name``). KeyError: there is none of that name."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop every replica within its grace period; returns when no process is left."""
        raise NotImplementedError
