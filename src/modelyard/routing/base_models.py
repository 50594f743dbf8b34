"""Which base model an adapter belongs to, as far as manifests say it; engines' model lists add the rest at run time.

Read from ConfigMaps of the body-based router (label ``inference.networking.k8s.io/bbr-managed: "true"``, keys
``baseModel`` and ``adapters``) and of the LoRA syncer (key ``configmap.yaml`` with ``vLLMLoRAConfig``). What can be
read of a wrong one counts, the same after a restart as before; what cannot is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.resources.core import ConfigMap
from modelyard.resources.errors import ResourceError, shown
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.yaml_documents import read_document
from modelyard.resources.yaml_list import ListEntry, read_list

_MANAGED_LABELS = ("inference.networking.k8s.io/bbr-managed", "inference.llm-d.ai/ipp-managed")


@dataclass(slots=True, frozen=True)
class BaseModels:
    """Adapter -> base, and base -> itself."""

    base_of: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    """One sentence per adapter that two ConfigMaps give to different bases; the first one (by name) is used."""
    faults: tuple[str, ...] = ()
    """One sentence per field of a router's ConfigMap that cannot be read as what it should be."""


def base_models_of(resources: ResourceSet) -> BaseModels:
    """Collect the mapping from all ConfigMaps, in the order of their names."""
    base_of: dict[str, str] = {}
    owner: dict[str, str] = {}
    conflicts: list[str] = []
    faults: list[str] = []
    for key in sorted(resources.config_maps):
        config_map = resources.config_maps[key]
        where = f"ConfigMap {key[0]}/{key[1]}"
        for adapter, base in _mappings(config_map, faults):
            if base_of.setdefault(adapter, base) != base:
                conflicts.append(
                    f"adapter {adapter!r} has base {base_of[adapter]!r} in {owner[adapter]} and {base!r} in {where};"
                    " the first is used: give each adapter one base"
                )
            else:
                owner.setdefault(adapter, where)
    return BaseModels(base_of, tuple(conflicts), tuple(faults))


def _mappings(config_map: ConfigMap, faults: list[str]) -> Iterator[tuple[str, str]]:
    labels = config_map.metadata.labels
    if any(labels.get(name) == "true" for name in _MANAGED_LABELS):
        yield from _from_router(config_map, faults)
    if "configmap.yaml" in config_map.data:
        yield from _from_syncer(config_map.data["configmap.yaml"])


def _from_router(config_map: ConfigMap, faults: list[str]) -> Iterator[tuple[str, str]]:
    base = config_map.data.get("baseModel", "").strip()
    if not base:
        message = "is missing or empty, so its adapters have no base model: write the base model's name"
        faults.append(_fault(config_map, "data.baseModel", message))
        return
    yield base, base
    for adapter in _listed(config_map, faults):
        yield adapter, base


def _listed(config_map: ConfigMap, faults: list[str]) -> Iterator[str]:
    """Names of ``adapters``. An entry without text counts as none, as in the original; a number as it is written."""
    text = config_map.data.get("adapters", "")
    try:
        entries = read_list(text)
    except ValueError as problem:
        beginning = text[:_SHOWN].strip()
        faults.append(_fault(config_map, "data.adapters", f"{problem}: {shown(beginning)}; {_ALLOWED}"))
        return
    wrong = 0
    for index, entry in enumerate(entries):
        name, fault = _named(entry)
        if fault:
            wrong += 1
            if wrong <= _MOST_FAULTS:
                faults.append(_fault(config_map, f"data.adapters[{index}]", fault))
        if name:
            yield name
    if wrong > _MOST_FAULTS:
        faults.append(_fault(config_map, "data.adapters", f"has {wrong - _MOST_FAULTS} more such entries"))


def _named(entry: ListEntry) -> tuple[str, str]:
    """The name, and what is wrong with it; either may be empty."""
    if entry.is_scalar and isinstance(entry.value, str | None):
        return (entry.value or "").strip(), ""
    if entry.is_scalar and not isinstance(entry.value, bool):
        return entry.text, f"is a number, taken as the name {shown(entry.text)}: write it in quotes"
    return "", f"is no name and left out: {shown(entry.text)}; {_ALLOWED}"


_ALLOWED = "allowed: a list of names, each on a line of its own after '- '"
_SHOWN = 200
_MOST_FAULTS = 20
"""Entries of one list that are told of one by one."""


def _fault(config_map: ConfigMap, path: str, message: str) -> str:
    subject = f"ConfigMap {config_map.metadata.namespace}/{config_map.metadata.name}"
    return str(ResourceError.at(config_map.origin, subject=subject, path=path, message=message))


def _from_syncer(text: str) -> Iterator[tuple[str, str]]:
    config = _yaml(text)
    lora = config.get("vLLMLoRAConfig") if isinstance(config, dict) else None
    if not isinstance(lora, dict):
        return
    default = lora.get("defaultBaseModel")
    wanted = lora.get("ensureExist")
    models = wanted.get("models") if isinstance(wanted, dict) else None
    for model in models if isinstance(models, list) else ():
        base = model.get("base-model", default) if isinstance(model, dict) else None
        if isinstance(base, str) and base and isinstance(model.get("id"), str):
            yield base, base
            yield model["id"], base


def _yaml(text: str) -> Any:
    """The value, or None where it is not one YAML document: ``modelyard check`` reports the ConfigMap, routing goes
    on."""
    documents = read_document(text)
    return documents[0].value if len(documents) == 1 and not documents[0].faults else None
