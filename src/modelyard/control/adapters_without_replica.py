"""Adapters that are wanted where no replica runs: each has a status all the same, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from modelyard.lora.condition import AdapterStatus, Reason
from modelyard.lora.wanted import DeploymentAdapters, deployment_adapters

if TYPE_CHECKING:
    from modelyard.local.ray.ray_plan import RayServicePlan
    from modelyard.local.replica_plan import DeploymentPlan
    from modelyard.resources.resource_set import ResourceSet
    from modelyard.resources.source_table import SourceTable


def on_deployment(plan: DeploymentPlan, resources: ResourceSet, sources: SourceTable) -> Iterator[AdapterStatus]:
    """For a Deployment that has no replicas here."""
    written = resources.deployments.get((plan.namespace, plan.name))
    if written is None or plan.replicas or plan.spares:
        return
    adapters = deployment_adapters(resources, written, sources, frozenset())
    where = f"{plan.namespace}/{plan.name}"
    none = f"Deployment {plan.name} has no replica here: replicas is 0, or none of its containers is a model server"
    yield from _statuses(where, adapters, plan.problem or none)


def on_ray_service(
    plan: RayServicePlan, adapters: DeploymentAdapters, clusters: Collection[object]
) -> Iterator[AdapterStatus]:
    """For a RayService that has no cluster here."""
    if clusters:
        return
    why = "it is suspended" if plan.suspended else "its cluster does not run"
    yield from _statuses(plan.key, adapters, plan.problem or f"RayService {plan.name}: {why}")


def _statuses(where: str, adapters: DeploymentAdapters, message: str) -> Iterator[AdapterStatus]:
    for one in adapters.want:
        yield AdapterStatus(
            adapter=one.name,
            replica=where,
            loaded=False,
            reason=Reason.NO_REPLICA,
            message=message,
            source=one.source,
            origin=one.origin,
        )
