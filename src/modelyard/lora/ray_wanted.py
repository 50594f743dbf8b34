"""Which adapters the manifests want on the models of a RayService (Ray Serve LLM). Pure.

Said by InferenceModels of its pools (target models with a source, or that lie in ``dynamic_lora_loading_path``), by the
``vLLMLoRAConfig`` of a ConfigMap that the RayService's annotation names, and by the folder that stands for its path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
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
    taken = {base.model_id for base in bases} | {one.name for one in found.want} | found.absent
    default = found.default_base_model
    written = [msgspec.structs.replace(one, base_model=one.base_model or default) for one in found.want]
    targets = {one.name: one for one in _targets(resources, service, labels, sources, bases) if one.name not in taken}
    want, problems = [], list(found.problems)
    for one in (*written, *targets.values()):
        base = base_of(one, bases)
        if base is None or (one.base_model and one.base_model != base.model_id):
            problems.append(_other_base(one, bases, base))
        if base is not None:
            want.append(msgspec.structs.replace(one, base_model=base.model_id))
    listed, remarks = _in_folders(in_folders, bases, want, found.absent | {base.model_id for base in bases})
    return msgspec.structs.replace(found, want=(*want, *listed), problems=(*problems, *remarks))


def one_each(want: Iterable[Wanted]) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """Without those that would be one adapter twice (``food`` and ``llama:food``), and why; the first one stays. Ray
    has one folder for both."""
    found: dict[tuple[str, str], Wanted] = {}
    problems = []
    for one in want:
        first = found.setdefault((one.base_model, own_name(one, one.base_model)), one)
        if first is not one:
            problems.append(
                f"{one.origin}: {one.name} is left out: on {one.base_model} it is the same name as {first.name}, "
                f"which {first.origin} wants"
            )
    return tuple(found.values()), tuple(problems)


def base_of(wanted: Wanted, bases: Sequence[RayBase]) -> RayBase | None:
    """The model that an adapter is for: said by the file or the name (``base:adapter``), else the only one that can
    load adapters, or the only one at all. None: there is no telling."""
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


def _other_base(one: Wanted, bases: Sequence[RayBase], base: RayBase | None) -> str:
    if one.base_model:
        models = ", ".join(one.model_id for one in bases)
        kept = f"; it is loaded on {base.model_id}" if base is not None else ""
        return f"{one.origin}: {one.name} is for {one.base_model}, which is none of the models here ({models}){kept}"
    return f"{one.origin}: {one.name} may be for any of several models; call it MODEL:{one.name}"


def _targets(
    resources: ResourceSet,
    service: RayService,
    labels: Mapping[str, str],
    sources: SourceTable,
    bases: Sequence[RayBase],
) -> Iterator[Wanted]:
    """Target models of its pools that have a source, or that lie in the path of their model."""
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


def _in_folders(
    in_folders: Mapping[str, Sequence[str]], bases: Sequence[RayBase], want: Sequence[Wanted], refused: Set[str]
) -> tuple[list[Wanted], list[str]]:
    """What lies in the folders of the models. A name that leads to adapters of several models leads to none of them:
    each is there under ``base:name``, as Ray has it."""
    given = [(name, base) for base in bases if base.path for name in in_folders.get(base.path, ())]
    places = [(name, base) for name, base in given if name not in refused]
    used = {own_name(one, one.base_model): one.base_model for one in want}
    owners: dict[str, set[str]] = {name: {used[name]} for name, _ in places if name in used}
    for name, base in places:
        owners.setdefault(name, set()).add(base.model_id)
    known = {(one.base_model, own_name(one, one.base_model)) for one in want}
    found = []
    for name, base in places:
        full = name if len(owners[name]) == 1 else f"{base.model_id}:{name}"
        if full not in refused and (base.model_id, name) not in known:
            source = f"{base.path}/{name}"
            found.append(Wanted(name=full, source=source, base_model=base.model_id, origin=base.path))
    problems = [
        f"{name} is an adapter of several models; ask for {' or '.join(f'{base}:{name}' for base in sorted(several))}"
        for name, several in owners.items()
        if len(several) > 1 and not any(one.name == name for one in want)
    ]
    return found, problems


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
