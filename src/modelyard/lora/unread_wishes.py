"""Wishes for adapters that nobody carries out: a configuration that no server reads, a target that nobody has. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Set
from typing import TYPE_CHECKING

from modelyard.lora.ray_wanted import ADAPTERS_ANNOTATION, ray_bases
from modelyard.lora.wanted import deployment_adapters, pool_targets
from modelyard.resources.finding import Finding
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet

_CONFIG = re.compile(r"""^["']?vLLMLoRAConfig["']?\s*:""", re.MULTILINE)


def unread_wishes(resources: ResourceSet) -> Iterator[Finding]:
    """ConfigMaps with a ``vLLMLoRAConfig`` that nothing here reads, and annotations of RayServices without models."""
    read = {
        deployment_adapters(resources, deployment, SourceTable(), frozenset()).config_map
        for deployment in resources.deployments.values()
    }
    for (namespace, name), service in resources.ray_services.items():
        named = service.metadata.annotations.get(ADAPTERS_ANNOTATION, "")
        read.add(f"{namespace}/{named}")
        if named and not ray_bases(service):
            yield Finding(
                object=f"RayService {namespace}/{name}",
                check="adapter-config",
                message=f"{ADAPTERS_ANNOTATION} names ConfigMap {named}, and none of its applications is one of Ray "
                "Serve LLM with its models written in serveConfigV2",
                advice="write the models under args.llm_configs, or remove the annotation",
            )
    for (namespace, name), config_map in resources.config_maps.items():
        if f"{namespace}/{name}" not in read and any(map(_CONFIG.search, config_map.data.values())):
            yield Finding(
                object=f"ConfigMap {namespace}/{name}",
                check="adapter-config-unread",
                message="it holds a vLLMLoRAConfig that nothing reads, so none of its adapters is loaded: no "
                "Deployment here has a syncer container that mounts it, and no RayService names it",
                advice="mount it at /config in a syncer container (image lora-syncer, or modelyard lora-sync) beside "
                f"vLLM; on a RayService set the annotation {ADAPTERS_ANNOTATION}: {name}",
            )


def unserved_targets(
    resources: ResourceSet, served: Mapping[tuple[str, str], Collection[str] | None], sources: SourceTable
) -> Iterator[Finding]:
    """InferenceModels that lead to a model or adapter that no Deployment of their pool has, and that has no source.
    ``served``: what each Deployment serves by its arguments; None: not known. Pools of RayServices are left out."""
    known: dict[tuple[str, str], set[str]] = {}
    open_ended: Set[tuple[str, str]] = set()
    for key, deployment in resources.deployments.items():
        labels = deployment.spec.template.metadata.labels
        names, wanted = served.get(key), deployment_adapters(resources, deployment, sources, frozenset())
        for target, origin in pool_targets(resources, key[0], labels):
            if names is None or wanted.unreadable:
                open_ended |= {(origin, target)}
            else:
                known.setdefault((origin, target), set()).update(names, (one.name for one in wanted.want))
    for (origin, target), names_there in known.items():
        if target not in names_there and (origin, target) not in open_ended and not resources.ray_services:
            yield Finding(
                object=origin,
                check="inference-model-unserved",
                message=f"nothing serves {target!r} in its pool, and no adapter of that name is wanted there",
                advice=f"an adapter: add it to ensureExist of the ConfigMap, or say where it is with --source "
                f"{target}=WHERE; else name one of {', '.join(sorted(names_there))}",
            )
