"""All remarks of ``modelyard check``: what is right by the letter and will bite."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.control.adapter_findings import NO_SOURCES, adapter_findings
from modelyard.findings.table import manifest_findings
from modelyard.local.gpu_demands import gpu_demands
from modelyard.manifests.reading import folder_of
from modelyard.resources.finding import Finding
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable
from modelyard.shortform.expansion import expanded
from modelyard.shortform.target import Target
from modelyard.sizing.gpu_findings import gpu_findings
from modelyard.sizing.memory_findings import memory_findings
from modelyard.sizing.model_shapes import shape_of
from modelyard.sizing.ray_demands import ray_cluster_findings, ray_demands


def findings(
    resources: ResourceSet, *, machine_gpus: int = 0, sources: SourceTable = NO_SOURCES
) -> tuple[Finding, ...]:
    """In the order of objects. ``machine_gpus``: GPUs of this machine; 0: none, models run on its CPU. ``sources``:
    where models and adapters are taken from here."""
    sizes = _sizes(_on_cluster(resources), machine_gpus)
    return tuple(sorted((*sizes, *manifest_findings(resources), *adapter_findings(resources, sources))))


def _on_cluster(resources: ResourceSet) -> ResourceSet:
    """Yards by what they stand for there: on this machine a replica has no nodes that could be too small for it."""
    yards = tuple(resources.yards.values())
    origins = {yard.origin for yard in yards}
    written = [item for item in resources if item.origin not in origins]
    made = [item for yard in yards for item in expanded(yard, folder_of(yard.origin), Target.KUBERNETES).objects]
    return ResourceSet.of([*written, *made])[0]


def _sizes(resources: ResourceSet, machine_gpus: int) -> Iterator[Finding]:
    for service in resources.ray_services.values():
        yield from ray_cluster_findings(service)
    ray = (demand for service in resources.ray_services.values() for demand in ray_demands(service))
    for demand in (*gpu_demands(resources), *ray):
        yield from gpu_findings(demand, machine_gpus=machine_gpus)
        yield from memory_findings(demand, shape_of(demand.model))
