"""The groups of Pods of a RayCluster, and what they bring to the one node that stands for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.resources.pods import PodTemplateSpec
from modelyard.resources.quantities import parse_quantity

if TYPE_CHECKING:
    from modelyard.resources.pods import Container
    from modelyard.resources.ray_service import RayClusterSpec, WorkerGroupSpec


class PodGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The head, or one group of workers."""

    template: PodTemplateSpec
    params: Mapping[str, str]
    """``rayStartParams``."""
    pods: int

    @property
    def container(self) -> Container | None:
        """Ray's own: the first one."""
        containers = self.template.spec.containers
        return containers[0] if containers else None

    @property
    def cpus(self) -> float:
        """What one Pod brings: ``num-cpus``, else its container's limit or request."""
        given = self.params.get("num-cpus", "")
        if given.isdecimal():
            return float(given)
        resources = self.container.resources if self.container is not None else None
        for quantities in (resources.limits, resources.requests) if resources is not None else ():
            if "cpu" in quantities:
                try:
                    return float(parse_quantity(quantities["cpu"]))
                except (ValueError, ArithmeticError):
                    continue
        return 0.0

    @property
    def custom_resources(self) -> dict[str, float]:
        """``rayStartParams.resources`` of one Pod."""
        found = _json_object(self.params.get("resources", ""))
        return {
            name: float(amount)
            for name, amount in found.items()
            if isinstance(amount, int | float) and not isinstance(amount, bool)
        }


def pod_groups(spec: RayClusterSpec) -> Iterator[PodGroup]:
    """The head, then the workers; suspended groups bring nothing."""
    head = spec.head_group_spec
    yield PodGroup(template=head.template, params=head.ray_start_params, pods=1)
    for group in spec.worker_group_specs:
        if not group.suspend:
            yield PodGroup(template=group.template, params=group.ray_start_params, pods=_pods(group))


def _pods(group: WorkerGroupSpec) -> int:
    return max(group.min_replicas, min(group.replicas, group.max_replicas)) * max(1, group.num_of_hosts)


def _json_object(text: str) -> dict[str, Any]:
    """``rayStartParams.resources``: JSON, which many manifests quote once more for the shell."""
    for _ in range(3):
        try:
            found: Any = json.loads(text)
        except ValueError:
            text = text.strip("'\"").replace('\\"', '"')
            continue
        if isinstance(found, dict):
            return found
        if not isinstance(found, str):
            return {}
        text = found
    return {}
