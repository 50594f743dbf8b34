"""Adapters of a model that Ray Serve LLM serves: a folder of a bucket, and here a ConfigMap that fills it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Set
from typing import Any

from modelyard.resources.weights_source import parse_source
from modelyard.resources.yaml_writing import yaml_documents
from modelyard.resources.yard import YardAdapter, YardModel, object_name
from modelyard.shortform.target import Manifest, Setting

ANNOTATION = "modelyard.dev/lora-adapters"
"""On a RayService: the ConfigMap with the adapters of its models on this machine."""
LORA_SLOTS, KEPT_LORAS = 4, 16
"""Different adapters in one batch, and adapters in memory. Both stay the same when an adapter is added."""


def bucket_folder(model: YardModel) -> str:
    """The folder that holds the adapters by their names: the one that all their sources lie in, or one to be made."""
    parents = {posixpath.dirname(item.source) for item in model.adapters if _lies_in_bucket(item)}
    if len(parents) == 1 and all(map(_lies_in_bucket, model.adapters)):
        return parents.pop()
    return f"s3://{object_name(model.name)}-adapters"


def lora_config(model: YardModel) -> Manifest:
    """``lora_config`` of the model."""
    config: Manifest = {"dynamic_lora_loading_path": bucket_folder(model)}
    if len(model.adapters) > KEPT_LORAS:
        config["max_num_adapters_per_replica"] = len(model.adapters)
    return config


def engine_kwargs(model: YardModel, given: Set[str]) -> Mapping[str, Any]:
    """What the engine needs for adapters; ``given``: what ``args`` set."""
    kwargs: dict[str, Any] = {"enable_lora": True}
    if not given & {"max_loras", "max_cpu_loras"}:
        kwargs |= {"max_loras": LORA_SLOTS, "max_cpu_loras": max(len(model.adapters), KEPT_LORAS)}
    return kwargs


def adapter_annotations(model: YardModel, setting: Setting) -> Mapping[str, str] | None:
    """Of the RayService: on this machine it names the ConfigMap."""
    return {ANNOTATION: _config_name(model)} if model.adapters and setting.local else None


def config_map(model: YardModel, setting: Setting) -> Manifest:
    """The adapters that are to be in the bucket; an edit takes effect while the model is served."""
    models = [{"id": item.name, "source": _source(item, setting)} for item in model.adapters]
    config = {"vLLMLoRAConfig": {"defaultBaseModel": model.name, "ensureExist": {"models": models}}}
    return setting.object("v1", "ConfigMap", _config_name(model), data={"configmap.yaml": yaml_documents([config])})


def notes(model: YardModel) -> Iterator[str]:
    """What is left to do on a cluster."""
    folder = bucket_folder(model)
    missing = [item for item in model.adapters if item.source != f"{folder}/{item.name}"]
    for item in missing:
        yield f"Ray Serve LLM loads adapters from a bucket: {folder}/{item.name}/ must hold {item.source}."
    names = ", ".join(f"{model.name}:{item.name}" for item in model.adapters)
    yield f"Ray Serve LLM calls adapters by base and name; without Modelyard in front, clients ask for {names}."


def _lies_in_bucket(item: YardAdapter) -> bool:
    return parse_source(item.source).kind in ("gs", "s3") and posixpath.basename(item.source) == item.name


def _source(item: YardAdapter, setting: Setting) -> str:
    source = parse_source(item.source)
    if source.kind == "path":
        return posixpath.normpath(posixpath.join(setting.folder, source.name))
    return item.source


def _config_name(model: YardModel) -> str:
    return f"{object_name(model.name)}-adapters"
