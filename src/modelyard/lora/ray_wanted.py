"""Which adapters the manifests want on the models of a RayService (Ray Serve LLM). Pure.

Said by InferenceModels of its pools (target models with a source, or that lie in ``dynamic_lora_loading_path``), by the
``vLLMLoRAConfig`` of a ConfigMap that the RayService's annotation names, and by the folder that stands for its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from modelyard.lora.lora_config import Wanted, read_lora_config
from modelyard.lora.wanted import DeploymentAdapters, pool_targets, read_config
from modelyard.resources.serve_config import read_serve_config
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.ray_service import RayService
    from modelyard.resources.resource_set import ResourceSet

ADAPTERS_ANNOTATION = "modelyard.dev/lora-adapters"
"""On a RayService: the ConfigMap, of its namespace, whose ``vLLMLoRAConfig`` says what is to be loaded here."""
_KEY = "configmap.yaml"


class RayBase(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the service, as the manifest has it."""

    model_id: str
    path: str
    """``dynamic_lora_loading_path``; empty: it loads no adapters."""


def ray_bases(service: RayService) -> tuple[RayBase, ...]:
    """Its models."""
    config = read_serve_config(service.spec.serve_config_v2).config
    found = []
    for app in config.applications if config is not None else ():
        for model in app.llm_args.models if app.llm_args is not None else ():
            path = model.lora_config.dynamic_lora_loading_path if model.lora_config is not None else ""
            found.append(RayBase(model_id=model.model_id, path=(path or "").rstrip("/")))
    return tuple(found)


def ray_adapters(
    resources: ResourceSet,
    service: RayService,
    labels: Mapping[str, str],
    sources: SourceTable,
    in_folders: Mapping[str, Sequence[str]],
) -> DeploymentAdapters:
    """What is wanted; each adapter's ``base_model`` is the model that it is for. ``labels``: of the cluster's Pods.
    ``in_folders``: path -> the adapters in the folder that stands for it here."""
    bases = ray_bases(service)
    found = _from_config_map(resources, service)
    names = {base.model_id for base in bases} | {one.name for one in found.want} | found.absent
    problems = list(found.problems)
    want = []
    listed = [one for one in _others(resources, service, labels, sources, in_folders, bases) if one.name not in names]
    default = found.default_base_model
    written = (msgspec.structs.replace(one, base_model=one.base_model or default) for one in found.want)
    for one in (*written, *{one.name: one for one in reversed(listed)}.values()):
        base = base_of(one, bases)
        if base is None:
            problems.append(f"{one.origin}: {one.name} may be for any of several models; call it MODEL:{one.name}")
        else:
            want.append(msgspec.structs.replace(one, base_model=base.model_id))
    return msgspec.structs.replace(found, want=tuple(want), problems=tuple(problems))


def base_of(wanted: Wanted, bases: Sequence[RayBase]) -> RayBase | None:
    """The model that an adapter is for: said by the file or the name (``base:adapter``), else the only one that can
    load adapters, or the only one at all."""
    said = wanted.base_model or _base_in(wanted.name, bases)
    named = [base for base in bases if base.model_id == said]
    able = [base for base in bases if base.path]
    candidates = named or able or list(bases)
    return candidates[0] if len(candidates) == 1 else None


def own_name(wanted: Wanted, base: str) -> str:
    """The adapter's name without that of its base."""
    return wanted.name.removeprefix(f"{base}:")


def _base_in(name: str, bases: Sequence[RayBase]) -> str:
    return next((base.model_id for base in bases if name.startswith(f"{base.model_id}:")), "")


def _others(
    resources: ResourceSet,
    service: RayService,
    labels: Mapping[str, str],
    sources: SourceTable,
    in_folders: Mapping[str, Sequence[str]],
    bases: Sequence[RayBase],
) -> Iterator[Wanted]:
    for target, origin in pool_targets(resources, service.metadata.namespace, labels):
        wanted = Wanted(name=target, source=target, origin=origin)
        base = base_of(wanted, bases)
        name = own_name(wanted, base.model_id) if base is not None else target
        if sources.key_of(target) is not None:
            yield wanted
        elif sources.key_of(name) is not None:
            yield msgspec.structs.replace(wanted, source=name)
        elif base is not None and base.path:
            yield msgspec.structs.replace(wanted, source=f"{base.path}/{name}")
        elif base is None and any(one.path for one in bases):
            yield wanted
    for base in bases:
        for name in in_folders.get(base.path, ()) if base.path else ():
            yield Wanted(name=name, source=f"{base.path}/{name}", base_model=base.model_id, origin=base.path)


def _from_config_map(resources: ResourceSet, service: RayService) -> DeploymentAdapters:
    short = service.metadata.annotations.get(ADAPTERS_ANNOTATION, "")
    if not short:
        return DeploymentAdapters()
    name = f"{service.metadata.namespace}/{short}"
    config_map = resources.config_maps.get((service.metadata.namespace, short))
    if config_map is None or _KEY not in config_map.data:
        problem = f"annotation {ADAPTERS_ANNOTATION}: ConfigMap {name} is in no manifest, or has no key {_KEY}"
        return DeploymentAdapters(config_map=name, problems=(problem,), unreadable=True)
    try:
        config = read_lora_config(config_map.data[_KEY], origin=f"ConfigMap {name}")
    except ValueError as error:
        problem = f"ConfigMap {name}, key {_KEY}: {error}"
        return DeploymentAdapters(config_map=name, problems=(problem,), unreadable=True)
    return read_config(config, config_map, name)
