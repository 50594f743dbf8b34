"""What the replicas of Deployments and LeaderWorkerSets ask of their GPUs, read from their containers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from modelyard.local import arguments as argv
from modelyard.local.containers import VllmCommand, recognise
from modelyard.local.environment import expand
from modelyard.resources.quantities import parse_quantity
from modelyard.sizing.accelerators import selected_accelerator
from modelyard.sizing.demand import GPU_RESOURCE, ReplicaDemand

if TYPE_CHECKING:
    from modelyard.resources.pods import Container, PodSpec
    from modelyard.resources.resource_set import ResourceSet

GROUP_SIZE = "LWS_GROUP_SIZE"
"""The variable in which LeaderWorkerSet tells each Pod how many there are in its group."""

_IN_SCRIPT = re.compile(r"(?:\bvllm\s+serve|-m\s+vllm\.entrypoints\.openai\.api_server)\s+([^;&|\n]*)")
"""vLLM's command in a shell script: scripts are not run here, but what they ask for can be read."""


def gpu_demands(resources: ResourceSet) -> Iterator[ReplicaDemand]:
    """One demand for each Deployment and LeaderWorkerSet that serves a model with vLLM."""
    for (namespace, name), deployment in resources.deployments.items():
        yield from _of_pod(f"Deployment {namespace}/{name}", deployment.spec.template.spec, pods=1)
    for (namespace, name), groups in resources.leader_worker_sets.items():
        size = max(1, groups.spec.leader_worker_template.size)
        yield from _of_pod(f"LeaderWorkerSet {namespace}/{name}", groups.leader.spec, pods=size)


def _of_pod(name: str, spec: PodSpec, *, pods: int) -> Iterator[ReplicaDemand]:
    for container in spec.containers:
        arguments = _server_arguments(container, pods)
        if arguments is not None:
            yield _demand(name, spec, container, arguments, pods)
            return


def _server_arguments(container: Container, pods: int) -> Sequence[str] | None:
    """vLLM's arguments, with ``$(NAME)`` filled in from literal values; None for another program."""
    values = {GROUP_SIZE: str(pods)}
    values |= {variable.name: variable.value for variable in container.env if variable.value}
    command = [expand(word, values) for word in container.command]
    args = [expand(word, values) for word in container.args]
    found = recognise(container.image, command, args)
    if isinstance(found, VllmCommand):
        return found.arguments
    script = _IN_SCRIPT.search(" ".join((*command, *args)).replace("\\\n", " "))
    if script is None:
        return None
    words = script[1].split()
    return words if not words or words[0].startswith("-") else ["--model", *words]


def _demand(name: str, spec: PodSpec, container: Container, arguments: Sequence[str], pods: int) -> ReplicaDemand:
    accelerator, label = selected_accelerator(spec.node_selector)
    return ReplicaDemand(
        object=name,
        model=argv.value(arguments, "--model") or "",
        gpus_per_pod=_gpus(container),
        pods=pods,
        accelerator=accelerator,
        accelerator_label=label,
        tensor_parallel=_number(arguments, "--tensor-parallel-size", 1),
        pipeline_parallel=_number(arguments, "--pipeline-parallel-size", 1),
        data_parallel=_number(arguments, "--data-parallel-size", 1),
        max_model_len=_tokens(argv.value(arguments, "--max-model-len") or ""),
        memory_utilization=_share(argv.value(arguments, "--gpu-memory-utilization")),
        dtype=argv.value(arguments, "--dtype") or "auto",
        quantization=argv.value(arguments, "--quantization") or "",
        kv_cache_dtype=argv.value(arguments, "--kv-cache-dtype") or "auto",
    )


def _gpus(container: Container) -> int:
    wanted = container.resources.limits.get(GPU_RESOURCE, container.resources.requests.get(GPU_RESOURCE, 0))
    try:
        return int(parse_quantity(wanted))
    except ValueError:
        return 0


def _number(arguments: Sequence[str], flag: str, default: int) -> int:
    given = argv.value(arguments, flag) or ""
    return int(given) if given.isascii() and given.isdigit() and 0 < int(given) < 2**20 else default


_TOKENS = re.compile(r"(\d+(?:\.\d+)?)([kKmM]?)", re.ASCII)
_UNITS = {"": 1, "k": 1000, "K": 1024, "m": 10**6, "M": 2**20}


def _tokens(given: str) -> int:
    """vLLM takes ``8192``, ``8k`` (thousands) and ``8K`` (1024); 0 for anything else."""
    found = _TOKENS.fullmatch(given)
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def _share(given: str | None) -> float:
    try:
        share = float(given or "")
    except ValueError:
        return 0.9
    return share if 0 < share <= 1 else 0.9
