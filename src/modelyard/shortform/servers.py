"""The model servers of a Yard: a Deployment per model, and on a cluster a Service."""

from __future__ import annotations

from collections.abc import Iterator, Set

from modelyard.resources.yard import RAY_SERVE, YardModel, object_name
from modelyard.shortform import lora_syncer, ray_adapters
from modelyard.shortform.ray_servers import ray_service
from modelyard.shortform.target import PART_OF, Manifest, Setting
from modelyard.shortform.volumes import HUB_SECRET, mounted, uses_google_bucket, uses_hub, weights_path

VLLM_IMAGE = "vllm/vllm-openai:v0.32.0"
"""The version of vLLM that this one is tested with."""
LORA_SLOTS = 4
"""Most adapters of one batch that are set by itself: each costs GPU memory, used or not."""
SYNCED_LORAS = 16
"""Adapters that are kept in memory at least where the syncer may add some later."""


def servers(setting: Setting) -> Iterator[Manifest]:
    """Deployments, with what belongs to each."""
    for model in setting.yard.spec.models:
        if model.engine == RAY_SERVE:
            yield ray_service(model, setting)
            if model.adapters and setting.local:
                yield ray_adapters.config_map(model, setting)
            continue
        yield _deployment(model, setting)
        if not setting.local:
            yield _service(model, setting)
        if model.adapters:
            yield lora_syncer.config_map(model, setting)


def app_label(model: YardModel) -> dict[str, str]:
    """The label that selects a model's Pods."""
    return {"app": object_name(model.name)}


def _deployment(model: YardModel, setting: Setting) -> Manifest:
    metadata: Manifest = {"labels": {**app_label(model), PART_OF: setting.yard.metadata.name}}
    if uses_google_bucket(model) and not setting.local:
        metadata["annotations"] = {"gke-gcsfuse/volumes": "true"}
    template = {"metadata": metadata, "spec": _pod(model, setting)}
    spec = {"replicas": model.replicas, "selector": {"matchLabels": app_label(model)}, "template": template}
    return setting.object("apps/v1", "Deployment", object_name(model.name), spec=spec)


def _service(model: YardModel, setting: Setting) -> Manifest:
    ports = [{"name": "http", "port": model.port, "targetPort": "http"}]
    return setting.object("v1", "Service", object_name(model.name), spec={"selector": app_label(model), "ports": ports})


def _pod(model: YardModel, setting: Setting) -> Manifest:
    weights = mounted(model, setting)
    volumes, mounts = list(weights.volumes), list(weights.mounts)
    pod: Manifest = {}
    if not setting.local:
        # A Service named "vllm" would otherwise set VLLM_PORT to a URL, which vLLM refuses.
        pod["enableServiceLinks"] = False
        pod["terminationGracePeriodSeconds"] = 130
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory"}})
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - where NCCL looks for it
    if model.adapters:
        pod["initContainers"] = [lora_syncer.sidecar()]
        volumes.append(lora_syncer.volume(model))
    pod["containers"] = [_container(model, setting, mounts)]
    if volumes:
        pod["volumes"] = volumes
    return pod


def _container(model: YardModel, setting: Setting, mounts: list[Manifest]) -> Manifest:
    container: Manifest = {
        "name": model.engine,
        "image": model.image or VLLM_IMAGE,
        "args": _arguments(model, setting),
        "ports": [{"name": "http", "containerPort": model.port}],
    }
    if environment := _environment(model):
        container["env"] = environment
    if model.gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(model.gpus)}}
    if mounts:
        container["volumeMounts"] = mounts
    if not setting.local:
        # Out of the gateway's rotation first: vLLM takes no connection once it has SIGTERM.
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": 30}}}
    return container | _probes()


def _arguments(model: YardModel, setting: Setting) -> list[str]:
    """vLLM's arguments: what the fields say, what follows from them unless ``args`` says otherwise, then ``args``."""
    path, _, revision = weights_path(model).partition("@")
    arguments = [f"--model={path}", f"--served-model-name={model.name}", f"--port={model.port}"]
    if revision:
        arguments += [f"--revision={revision}", f"--tokenizer-revision={revision}"]
    given = {argument.partition("=")[0].replace("_", "-") for argument in model.args}
    arguments += [f"{flag}={value}" for flag, value in _defaults(model, setting, given).items()]
    if model.adapters:
        arguments.append("--enable-lora")
    # A value that Kubernetes would expand, $(NAME), is meant as it stands.
    return [argument.replace("$(", "$$(") for argument in (*arguments, *model.args)]


def _defaults(model: YardModel, setting: Setting, given: Set[str]) -> dict[str, int]:
    defaults: dict[str, int] = {}
    if model.gpus > 1 and "--tensor-parallel-size" not in given:
        defaults["--tensor-parallel-size"] = model.gpus
    if model.adapters and not given & {"--max-loras", "--max-cpu-loras"}:
        # vLLM wants the second to be no less than the first: who sets one sets both.
        count = len(model.adapters)
        # Here both stay the same when an adapter is added, so that the servers need no restart for it.
        defaults["--max-loras"] = LORA_SLOTS if setting.local else min(count, LORA_SLOTS)
        defaults["--max-cpu-loras"] = max(count, SYNCED_LORAS)
    return defaults


def _environment(model: YardModel) -> list[Manifest]:
    environment: list[Manifest] = []
    if uses_hub(model):
        environment.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": dict(HUB_SECRET)}})
    if model.adapters:
        environment.append({"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"})
    return environment


def _probes() -> Manifest:
    """An hour to load, since a hub's model is downloaded first; then quick to leave rotation, slow to restart."""
    check = {"httpGet": {"path": "/health", "port": "http"}}
    return {
        "startupProbe": {**check, "periodSeconds": 1, "failureThreshold": 3600},
        "readinessProbe": {**check, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**check, "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 3},
    }
