"""The environment of a cluster's processes: that of the head's and the workers' containers together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from modelyard.local.environment import PodFacts, Sources, build_environment
from modelyard.local.ray.pod_groups import PodGroup
from modelyard.local.ray.ray_settings import apply_environment
from modelyard.local.replica_plan import AppliedSetting, Machine


class ClusterEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """The result."""

    values: Mapping[str, str]
    secret: frozenset[str]
    """Names whose value came from a Secret."""
    settings: tuple[AppliedSetting, ...]


def cluster_environment(
    groups: Iterable[PodGroup],
    objects: Sources,
    fields: Mapping[str, str],
    machine: Machine,
    inherited: Collection[str] = (),
) -> ClusterEnvironment:
    """A worker's value wins over the head's, since the replicas run there. ``fields``: what the Pod can be told about
    itself. ``inherited``: names of this machine's own variables, which stand in for what no manifest has."""
    values: dict[str, str] = {}
    secret: frozenset[str] = frozenset()
    settings: dict[AppliedSetting, None] = {}
    for group in groups:
        if group.container is None:
            continue
        template = group.template
        account = template.spec.service_account_name or "default"
        pod = PodFacts(
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            fields={**fields, "spec.serviceAccountName": account},
        )
        built = build_environment(group.container, objects, pod)
        for name, why in built.missing.items():
            change = "taken from this machine's environment" if name in inherited else "left out"
            settings[AppliedSetting(setting=f"env {name}", change=change, reason=why)] = None
        values.update(built.values)
        secret = (secret - built.values.keys()) | built.secret
    env, changed = apply_environment(values, has_gpu=machine.has_gpu, cores=machine.cores)
    return ClusterEnvironment(values=env, secret=secret & env.keys(), settings=(*settings, *changed))
