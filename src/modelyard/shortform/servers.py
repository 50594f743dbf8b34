"""The model servers of a Yard: a Deployment per model, or groups of Pods, and on a cluster a Service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from modelyard.resources.yard import RAY_SERVE, YardModel, object_name
from modelyard.shortform import lora_syncer, ray_adapters
from modelyard.shortform.node_groups import GROUP_FLAGS, leader_worker_set, spans_nodes
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
    """Deployments, LeaderWorkerSets and RayServices, with what belongs to each."""
    for model in setting.yard.spec.models:
        if model.engine == RAY_SERVE:
            yield ray_service(model, setting)
            if model.adapters and setting.local:
                yield ray_adapters.config_map(model, setting)
            continue
        yield (_node_groups if spans_nodes(model, setting) else _deployment)(model, setting)
        if not setting.local:
            yield _service(model, setting)
        if model.adapters:
            yield lora_syncer.config_map(model, setting)


def app_label(model: YardModel) -> dict[str, str]:
    """The label that selects a model's Pods."""
    return {"app": object_name(model.name)}


def _deployment(model: YardModel, setting: Setting) -> Manifest:
    template = _template(model, setting)
    spec = {"replicas": model.replicas, "selector": {"matchLabels": app_label(model)}, "template": template}
    return setting.object("apps/v1", "Deployment", object_name(model.name), spec=spec)


def _node_groups(model: YardModel, setting: Setting) -> Manifest:
    worker = _template(model, setting, headless=True)
    return leader_worker_set(model, setting, leader=_template(model, setting), worker=worker)


def _template(model: YardModel, setting: Setting, *, headless: bool = False) -> Manifest:
    """``headless``: of a Pod without API, which nothing selects."""
    labels = {} if headless else app_label(model)
    metadata: Manifest = {"labels": {**labels, PART_OF: setting.yard.metadata.name}}
    if uses_google_bucket(model) and not setting.local:
        metadata["annotations"] = {"gke-gcsfuse/volumes": "true"}
    return {"metadata": metadata, "spec": _pod(model, setting, headless)}


def _service(model: YardModel, setting: Setting) -> Manifest:
    ports = [{"name": "http", "port": model.port, "targetPort": "http"}]
    name = model.leader_service or object_name(model.name)
    return setting.object("v1", "Service", name, spec={"selector": app_label(model), "ports": ports})


def _pod(model: YardModel, setting: Setting, headless: bool) -> Manifest:
    weights = mounted(model, setting)
    volumes, mounts = list(weights.volumes), list(weights.mounts)
    pod: Manifest = {}
    if not setting.local:
        # A Service named "vllm" would otherwise set VLLM_PORT to a URL, which vLLM refuses.
        pod["enableServiceLinks"] = False
        pod["terminationGracePeriodSeconds"] = 130
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory"}})
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - where NCCL looks for it
        if model.node_selector:
            pod["nodeSelector"] = dict(model.node_selector)
    if model.adapters and not headless:
        pod["initContainers"] = [lora_syncer.sidecar()]
        volumes.append(lora_syncer.volume(model))
    container = _container(model, setting, mounts)
    pod["containers"] = [_without_api(container) if headless else container | _serving(model, setting)]
    if volumes:
        pod["volumes"] = volumes
    return pod


def _container(model: YardModel, setting: Setting, mounts: list[Manifest]) -> Manifest:
    container: Manifest = {
        "name": model.engine,
        "image": model.image or VLLM_IMAGE,
        "args": _arguments(model, setting),
    }
    if environment := _environment(model):
        container["env"] = environment
    if model.gpus:
        gpus = model.gpus * model.nodes if setting.local else model.gpus
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    if mounts:
        container["volumeMounts"] = mounts
    return container


def _without_api(container: Manifest) -> Manifest:
    return {**container, "args": [*container["args"], "--headless"]}


def _serving(model: YardModel, setting: Setting) -> Manifest:
    """What a container that answers requests has beside the engine."""
    serving: Manifest = {"ports": [{"name": "http", "containerPort": model.port}]}
    if not setting.local:
        # Out of the gateway's rotation first: vLLM takes no connection once it has SIGTERM.
        serving["lifecycle"] = {"preStop": {"sleep": {"seconds": 30}}}
    return serving | _probes()


def _arguments(model: YardModel, setting: Setting) -> list[str]:
    """vLLM's arguments: what the fields say, what follows from them unless ``args`` says otherwise, then ``args``."""
    path, _, revision = weights_path(model).partition("@")
    arguments = [f"--model={path}", f"--served-model-name={model.name}", f"--port={model.port}"]
    if revision:
        arguments += [f"--revision={revision}", f"--tokenizer-revision={revision}"]
    given = {argument.partition("=")[0].replace("_", "-") for argument in model.args}
    defaults = {**_parallel_sizes(model, setting), **_lora_slots(model, setting, given)}
    follows = [f"{flag}={value}" for flag, value in defaults.items() if flag not in given]
    if model.adapters:
        follows.append("--enable-lora")
    return [*_literal(arguments), *follows, *_literal(model.args)]


def _literal(arguments: Sequence[str]) -> list[str]:
    """A value that Kubernetes would expand, ``$(NAME)``, is meant as it stands."""
    return [argument.replace("$(", "$$(") for argument in arguments]


def _parallel_sizes(model: YardModel, setting: Setting) -> dict[str, int | str]:
    """Tensor parallel inside of a node, whose links are fast; pipeline parallel between nodes."""
    sizes: dict[str, int | str] = {}
    if model.gpus > 1:
        sizes["--tensor-parallel-size"] = model.gpus
    if spans_nodes(model, setting):
        return sizes | GROUP_FLAGS
    return sizes | {"--pipeline-parallel-size": model.nodes} if model.nodes > 1 else sizes


def _lora_slots(model: YardModel, setting: Setting, given: Set[str]) -> dict[str, int]:
    defaults: dict[str, int] = {}
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
