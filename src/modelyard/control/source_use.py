"""Which sources speak of nothing in the manifests: a typing mistake that would otherwise end in a long download."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from modelyard.local.model_servers import model_server
from modelyard.local.volumes import bucket_of
from modelyard.resources.errors import nearest
from modelyard.resources.finding import Finding
from modelyard.resources.ray_service import RayService
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.serve_config import read_serve_config
from modelyard.resources.source_table import SourceTable

_ADAPTER = re.compile(r"^[\s-]*(?:source|id):\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_SHOWN = 8


def unused_sources(resources: ResourceSet, table: SourceTable) -> Iterator[Finding]:
    """One for each entry that names nothing."""
    if not table.entries:
        return
    texts = [text for text in _texts(resources) if text]
    unused = [name for name in table.entries if not _is_named(name, texts)]
    known = sorted(set(_names(resources))) if unused else []
    for name in unused:
        yield Finding(
            object=f"source {name}",
            check="source-is-used",
            message="nothing in the manifests is called so, so it is not used",
            advice=_advice(name, known),
        )


def _advice(name: str, known: list[str]) -> str:
    meant = nearest(name, known)
    if meant:
        return f"did you mean {meant}?"
    if not known:
        return "leave it out"
    return f"the names that are there: {', '.join(known[:_SHOWN])}" + (", …" if len(known) > _SHOWN else "")


def _is_named(name: str, texts: Iterable[str]) -> bool:
    """As a whole word, or as the beginning of a path. A bucket is named without its scheme too."""
    bare = name.partition("://")[2] if name.startswith(("gs://", "s3://")) else name
    below = r"(?![\w.-])" if bare != name or name.startswith("/") else r"(?![\w./-])"
    pattern = re.compile(r"(?<![\w./-])" + re.escape(bare) + below)
    if bare != name:
        pattern = re.compile(r"(?<![\w.-])" + re.escape(bare.partition("/")[0]) + below)
    return any(pattern.search(text) for text in texts)


def _texts(resources: ResourceSet) -> Iterator[str]:
    """Every text in every object, the Yards' own ``sources`` excepted."""
    for resource in resources:
        yield from _strings(_without_sources(msgspec.to_builtins(resource, enc_hook=str)))


def _without_sources(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("kind") == "Yard":
        spec = {name: item for name, item in value["spec"].items() if name != "sources"}
        return {**value, "spec": spec}
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _names(resources: ResourceSet) -> Iterator[str]:
    """Models of Deployments and Ray applications, adapters of ConfigMaps, buckets of volumes."""
    for deployment in resources.deployments.values():
        server = model_server(deployment)
        yield from server.models if server is not None else ()
    for service in resources.ray_services.values():
        yield from _ray_models(service)
    for config_map in resources.config_maps.values():
        for text in config_map.data.values():
            if "vLLMLoRAConfig" in text:
                yield from _ADAPTER.findall(text)
    for deployment in resources.deployments.values():
        yield from filter(None, map(bucket_of, deployment.spec.template.spec.volumes))


def _ray_models(service: RayService) -> Iterator[str]:
    config = read_serve_config(service.spec.serve_config_v2).config
    for application in config.applications if config is not None else ():
        for model in application.llm_args.models if application.llm_args is not None else ():
            yield model.model_loading_config.source
