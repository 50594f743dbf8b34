"""One RayService kept as it should be: its cluster, a new one beside it when the spec asks for that, its conditions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from modelyard.local.ray.cluster import RayCluster, Surroundings
from modelyard.local.ray.conditions import Condition, conditions, status_object, with_times
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.local.status import LocalPod, ReplicaStatus

LONGEST_DRAIN = 600.0
"""Seconds that the requests of an old cluster may go on after the switch-over (Serve LLM's own limit for one)."""


class RayServiceRun:
    """Runs one RayService until stopped. ``changed`` is called whenever anything that it tells would differ.

    A cluster begins as pending and takes the traffic when every one of its applications runs; the one before it is
    then drained and removed. A changed ``serveConfigV2`` goes to the cluster that is being prepared, else to the one
    that serves.
    """

    def __init__(self, plan: RayServicePlan, around: Surroundings, changed: Callable[[], None]) -> None:
        self.plan = plan
        self._around, self._changed = around, changed
        self._active: RayCluster | None = None
        self._pending: RayCluster | None = None
        self._leaving: dict[RayCluster, asyncio.Task[None]] = {}
        self._conditions: tuple[Condition, ...] = ()
        self._was_ready = False
        self._timed_out = False
        self._timer: asyncio.TimerHandle | None = None
        self._generation = 0

    # ── what should be ──

    def apply(self, plan: RayServicePlan) -> None:
        """Make it so. A plan with a problem changes nothing of what runs."""
        self._generation += plan != self.plan or not self._generation
        changed = plan.spec_hash != self.plan.spec_hash or plan.serve_config != self.plan.serve_config
        self.plan = plan
        if changed:
            self._timed_out = False
        if plan.suspended:
            self._end_all()
        elif plan.cluster is not None and not self._timed_out:
            self._choose_cluster(plan)
        self._look()

    def _choose_cluster(self, plan: RayServicePlan) -> None:
        active, pending = self._active, self._pending
        stays = active is not None and (active.spec_hash.serves(plan.spec_hash) or plan.upgrade == "None")
        if active is not None and stays:
            if pending is not None:
                self._pending = None
                self._retire(pending)
            active.update(plan)
        elif pending is not None and pending.spec_hash.serves(plan.spec_hash):
            pending.update(plan)
        else:
            if pending is not None:
                self._retire(pending)
            self._pending = self._started(plan)

    def _started(self, plan: RayServicePlan) -> RayCluster:
        assert plan.cluster is not None
        cluster = RayCluster(plan.cluster, plan, self._around, self._look)
        same = [task for other, task in self._leaving.items() if other.plan.key == plan.cluster.key]
        cluster.start(asyncio.wait(same) if same else None)
        if plan.initializing_seconds and self._active is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(plan.initializing_seconds, self._give_up, cluster)
        return cluster

    def _give_up(self, cluster: RayCluster) -> None:
        """It never became ready in its initializing time: terminal until its spec changes."""
        if self._pending is cluster and self._active is None:
            self._timed_out, self._pending = True, None
            self._retire(cluster)
            self._look()

    def _look(self) -> None:
        """Something of a cluster changed: move the traffic if it can be moved, and tell."""
        pending, active = self._pending, self._active
        if pending is not None and pending.ready:
            self._active, self._pending = pending, None
            if active is not None:
                self._retire(active)
        self._was_ready = self._was_ready or (self._active is not None and self._active.ready)
        self._conditions = with_times(self._current_conditions(), self._conditions, _utc_now())
        self._changed()

    def _current_conditions(self) -> tuple[Condition, ...]:
        return conditions(
            self._active.view() if self._active is not None else None,
            self._pending.view() if self._pending is not None else None,
            was_ready=self._was_ready,
            timed_out=self._timed_out,
            suspended=self.plan.suspended,
            problem=self.plan.problem,
        )

    def _retire(self, cluster: RayCluster) -> None:
        longest = max(LONGEST_DRAIN, cluster.service.deletion_delay)
        task = asyncio.create_task(cluster.stop(longest), name=f"stop {cluster.plan.key}")
        self._leaving[cluster] = task
        task.add_done_callback(lambda _: self._gone(cluster))

    def _gone(self, cluster: RayCluster) -> None:
        self._leaving.pop(cluster, None)
        self._changed()

    def _end_all(self) -> None:
        for cluster in (self._active, self._pending):
            if cluster is not None:
                self._retire(cluster)
        self._active = self._pending = None

    # ── what is ──

    def clusters(self) -> tuple[RayCluster, ...]:
        """Those that leave, the one that serves, the one that is prepared."""
        now = (one for one in (self._active, self._pending) if one is not None)
        return (*self._leaving, *now)

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Its clusters, each as one replica; or why there is none."""
        return tuple(cluster.replica() for cluster in self.clusters())

    def settled(self) -> bool:
        """Whether nothing is being prepared and it serves."""
        return self.plan.suspended or (self._pending is None and self._active is not None and self._active.ready)

    def pods(self) -> tuple[LocalPod, ...]:
        """Its endpoints. A cluster that is being prepared shows itself as not ready."""
        return tuple(cluster.pod(serving=cluster is self._active) for cluster in self.clusters())

    def kept_addresses(self) -> dict[str, str]:
        """Cluster key -> address of what runs."""
        return {cluster.plan.key: cluster.plan.address for cluster in self.clusters()}

    def status(self) -> dict[str, Any]:
        """``status`` of the RayService object."""
        return status_object(
            self._active.view() if self._active is not None else None,
            self._pending.view() if self._pending is not None else None,
            self._conditions,
            self._generation,
        )

    async def stop(self) -> None:
        """End every cluster; returns when nothing is left. Final."""
        if self._timer is not None:
            self._timer.cancel()
        self._end_all()
        if self._leaving:
            await asyncio.wait(set(self._leaving.values()))


def _utc_now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
