"""Health checks of something that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.errors import nearest
from modelyard.resources.finding import Finding
from modelyard.resources.resource_set import ResourceSet


def health_check_targets(resources: ResourceSet) -> Iterator[Finding]:
    """A HealthCheckPolicy whose Service or InferencePool no manifest has."""
    pools = [*resources.inference_pools, *_made_by_charts(resources)]
    there = {"Service": [*resources.services, *_of_ray(resources)], "InferencePool": pools}
    for policy in resources.health_check_policies.values():
        target, namespace = policy.spec.target_ref, policy.metadata.namespace
        if (namespace, target.name) in there.get(target.kind, ((namespace, target.name),)):
            continue
        name = nearest(target.name, (name for place, name in there[target.kind] if place == namespace))
        advice = f"write {name}" if name else "write the name of one that is there"
        yield Finding(
            object=f"HealthCheckPolicy {namespace}/{policy.metadata.name}",
            check="health-check-target",
            message=f"checks {target.kind} {target.name}, which is in no manifest: it has no effect",
            advice=f"{advice}, or remove the policy",
        )


def _of_ray(resources: ResourceSet) -> Iterator[tuple[str, str]]:
    """Services that KubeRay makes."""
    for namespace, name in resources.ray_services:
        yield namespace, f"{name}-serve-svc"
        yield namespace, f"{name}-head-svc"


def _made_by_charts(resources: ResourceSet) -> Iterator[tuple[str, str]]:
    """Pools that only InferenceModels name."""
    for model in resources.inference_models.values():
        yield model.metadata.namespace, model.spec.pool_ref.name
