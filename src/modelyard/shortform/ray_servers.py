"""A model of a Yard served by Ray Serve LLM: a RayService, whose operator makes the Service."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from modelyard.resources.weights_source import parse_source
from modelyard.resources.yaml_writing import yaml_documents
from modelyard.resources.yard import YardModel, object_name
from modelyard.shortform import ray_adapters
from modelyard.shortform.target import PART_OF, Manifest, Setting
from modelyard.shortform.volumes import HUB_SECRET, mounted, uses_hub, weights_path

RAY_VERSION = "2.54.0"
RAY_IMAGE = f"rayproject/ray-llm:{RAY_VERSION}-py311-cu128"
"""A published image with vLLM inside; this machine runs its own Ray."""
ONGOING_REQUESTS = 128
"""Requests that one engine takes at a time. Ray Serve LLM by itself takes a billion, so nothing would ever queue in
front of it."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def ray_service(model: YardModel, setting: Setting) -> Manifest:
    """The RayService of one model."""
    annotations = ray_adapters.adapter_annotations(model, setting)
    return setting.object("ray.io/v1", "RayService", object_name(model.name), annotations, spec=_spec(model, setting))


def _spec(model: YardModel, setting: Setting) -> Manifest:
    return {
        "serveConfigV2": yaml_documents([{"applications": [_application(model, setting)]}]),
        "rayClusterConfig": {
            "rayVersion": RAY_VERSION,
            "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": _pod("ray-head", model, setting)},
            "workerGroupSpecs": [_workers(model, setting)],
        },
    }


def _application(model: YardModel, setting: Setting) -> Manifest:
    return {
        "name": object_name(model.name),
        "route_prefix": "/",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [_llm_config(model, setting)]},
    }


def _llm_config(model: YardModel, setting: Setting) -> Manifest:
    config: Manifest = {
        "model_loading_config": {"model_id": model.name, "model_source": _source(model, setting)},
        "deployment_config": {"num_replicas": model.replicas, "max_ongoing_requests": ONGOING_REQUESTS},
    }
    if not model.gpus:
        config["accelerator_config"] = {"kind": "cpu"}
    if model.adapters:
        config["lora_config"] = ray_adapters.lora_config(model)
    if engine := _engine_kwargs(model):
        config["engine_kwargs"] = engine
    if model.nodes > 1:
        config["placement_group_config"] = _placement(model)
    return config


def _placement(model: YardModel) -> Manifest:
    """A place for each GPU of a replica, on as few nodes as there are."""
    bundles = [{"GPU": 1, "CPU": 1} for _ in range(model.gpus * model.nodes)]
    return {"bundles": bundles, "strategy": "PACK"}


def _source(model: YardModel, setting: Setting) -> str:
    """Ray reads buckets itself; folders are mounted on a cluster and stand where they are on this machine."""
    source = parse_source(model.source)
    if source.kind == "path" and setting.local:
        return posixpath.normpath(posixpath.join(setting.folder, source.name))
    if source.kind in ("gs", "s3", "hub") or setting.local:
        return model.source
    return weights_path(model)


def _engine_kwargs(model: YardModel) -> dict[str, Any]:
    """vLLM's arguments by the names that its Python API has."""
    kwargs: dict[str, Any] = {}
    if model.gpus > 1:
        kwargs["tensor_parallel_size"] = model.gpus
    if model.nodes > 1:
        kwargs["pipeline_parallel_size"] = model.nodes
    name = ""
    for word in model.args:
        if word.startswith("--"):
            flag, equals, value = word[2:].partition("=")
            name = flag.replace("-", "_")
            kwargs[name] = _value(value) if equals else True
        elif name:
            kwargs[name] = _value(word)
    return {**ray_adapters.engine_kwargs(model, kwargs.keys()), **kwargs} if model.adapters else kwargs


def _value(text: str) -> Any:
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _workers(model: YardModel, setting: Setting) -> Manifest:
    pods = max(1, model.replicas) * model.nodes
    return {
        "groupName": "models",
        "replicas": pods,
        "minReplicas": pods,
        "maxReplicas": pods,
        "rayStartParams": {},
        "template": _pod("ray-worker", model, setting),
    }


def _pod(name: str, model: YardModel, setting: Setting) -> Manifest:
    container: Manifest = {"name": name, "image": model.image or RAY_IMAGE}
    pod: Manifest = {"containers": [container]}
    if name == "ray-head":
        ports = {"gcs-server": 6379, "dashboard": 8265, "client": 10001, "serve": 8000}
        container["ports"] = [{"name": port, "containerPort": number} for port, number in ports.items()]
    else:
        if model.gpus:
            container["resources"] = {"limits": {"nvidia.com/gpu": str(model.gpus)}}
        if uses_hub(model):
            container["env"] = [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": dict(HUB_SECRET)}}]
        if model.node_selector and not setting.local:
            pod["nodeSelector"] = dict(model.node_selector)
    weights = mounted(model, setting)
    if _source(model, setting) == weights_path(model) and weights.mounts:
        container["volumeMounts"] = list(weights.mounts)
        pod["volumes"] = list(weights.volumes)
    labels = {"app": object_name(model.name), PART_OF: setting.yard.metadata.name}
    return {"metadata": {"labels": labels}, "spec": pod}
