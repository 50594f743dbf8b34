"""Which objects of the manifests have no part in a local yard, and why."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.resource_set import ResourceSet


def not_used(resources: ResourceSet) -> Iterator[tuple[str, str]]:
    """(``Kind namespace/name``, reason) of each."""
    for item in resources.unsupported:
        yield f"{item.kind} {item.metadata.namespace}/{item.metadata.name}", item.reason
    for (namespace, name), groups in resources.leader_worker_sets.items():
        nodes = groups.spec.leader_worker_template.size
        yield (
            f"LeaderWorkerSet {namespace}/{name}",
            f"each of its replicas spans {nodes} Pods on nodes of their own; it is checked here and runs on a cluster",
        )
