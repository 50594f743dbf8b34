"""What ``up`` and ``check`` say about manifests beside their faults: placeholders, sources that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.control.front_door import front_door
from modelyard.control.source_use import unused_sources
from modelyard.resources.chart_pools import STANDS_FOR
from modelyard.resources.finding import Finding
from modelyard.resources.helm import BodyBasedRouterValues
from modelyard.resources.placeholders import DEFAULT_NAMESPACE, NAMESPACE_NOTE
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable


def notes(resources: ResourceSet, table: SourceTable) -> tuple[Finding, ...]:
    """In the order of objects."""
    return (
        *_placeholders(resources),
        *_added_gateway(resources),
        *_added_pools(resources),
        *unused_sources(resources, table),
    )


def _placeholders(resources: ResourceSet) -> Iterator[Finding]:
    """One for each placeholder, with the objects that have it."""
    found: dict[str, list[str]] = {}
    for item in resources:
        if isinstance(item, BodyBasedRouterValues):
            continue
        placeholder = item.metadata.annotations.get(NAMESPACE_NOTE)
        if placeholder is not None:
            found.setdefault(placeholder, []).append(f"{item.kind} {item.metadata.name}")
    for placeholder, objects in found.items():
        yield Finding(
            object=f"namespace {placeholder}",
            check="namespace-placeholder",
            message=f"is a placeholder, so {DEFAULT_NAMESPACE} is used here for {', '.join(objects)}",
            advice="write a namespace in its place before it goes to a cluster",
        )


def _added_gateway(resources: ResourceSet) -> Iterator[Finding]:
    if front_door(resources):
        yield Finding(
            object="Gateway",
            check="gateway",
            message="the manifests have none: modelyard up adds one in front of every model server, on port 80",
            advice="add a Gateway and HTTPRoutes to say what is served where, and before it goes to a cluster",
        )


def _added_pools(resources: ResourceSet) -> Iterator[Finding]:
    for (namespace, name), pool in resources.inference_pools.items():
        server = pool.metadata.annotations.get(STANDS_FOR)
        if server is not None:
            yield Finding(
                object=f"InferencePool {namespace}/{name}",
                check="chart-pool",
                message=f"no manifest has it; here it stands for {server}, which serves its InferenceModels",
                advice="on a cluster the chart inferencepool makes it; write it down to say what it selects",
            )
