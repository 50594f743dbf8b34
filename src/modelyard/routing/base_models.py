"""Which base model an adapter belongs to, as far as manifests say it; engines' model lists add the rest at run time.

Read from ConfigMaps of the body-based router (label ``inference.networking.k8s.io/bbr-managed: "true"``, keys
``baseModel`` and ``adapters``) and of the LoRA syncer (key ``configmap.yaml`` with ``vLLMLoRAConfig``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelyard.resources.core import ConfigMap
from modelyard.resources.resource_set import ResourceSet

_MANAGED_LABELS = ("inference.networking.k8s.io/bbr-managed", "inference.llm-d.ai/ipp-managed")


@dataclass(slots=True, frozen=True)
class BaseModels:
    """Adapter -> base, and base -> itself."""

    base_of: Mapping[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    """One sentence per adapter that two ConfigMaps give to different bases; the first one (by name) is used."""


def base_models_of(resources: ResourceSet) -> BaseModels:
    """Collect the mapping from all ConfigMaps, in the order of their names."""
    base_of: dict[str, str] = {}
    owner: dict[str, str] = {}
    conflicts: list[str] = []
    for key in sorted(resources.config_maps):
        config_map = resources.config_maps[key]
        where = f"ConfigMap {key[0]}/{key[1]}"
        for adapter, base in _mappings(config_map):
            if base_of.setdefault(adapter, base) != base:
                conflicts.append(
                    f"adapter {adapter!r} has base {base_of[adapter]!r} in {owner[adapter]} and {base!r} in {where};"
                    " the first is used: give each adapter one base"
                )
            else:
                owner.setdefault(adapter, where)
    return BaseModels(base_of, tuple(conflicts))


def _mappings(config_map: ConfigMap) -> Iterator[tuple[str, str]]:
    labels = config_map.metadata.labels
    if any(labels.get(name) == "true" for name in _MANAGED_LABELS):
        yield from _from_router(config_map.data)
    if "configmap.yaml" in config_map.data:
        yield from _from_syncer(config_map.data["configmap.yaml"])


def _from_router(data: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    base = data.get("baseModel", "").strip()
    if not base:
        return
    yield base, base
    adapters = _yaml(data.get("adapters", ""))
    if isinstance(adapters, list):
        for adapter in adapters:
            if isinstance(adapter, str) and adapter.strip():
                yield adapter.strip(), base


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
    """The value, or None where it is not YAML: ``modelyard check`` reports the ConfigMap, routing goes on."""
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
