"""Fewer GPUs than a configuration asks for: fewer replicas, smaller parallel sizes, at last shared GPUs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelyard.local.ray.changes import Changes, Draft, Note
from modelyard.resources.serve_llm_config import LLMConfig

_GPU_MEMORY = 0.9
"""vLLM's share of a GPU's memory by default."""


def share_gpus(models: Sequence[tuple[LLMConfig, Draft]], gpus: int, changes: Changes) -> None:
    """One replica of each model, on an equal share of the GPUs."""
    for model, written in models:
        _one_replica(written, changes.of(model.model_id), gpus)
    if sum(model.devices for model, _ in models) <= gpus:
        return
    each = gpus / len(models)
    for model, written in models:
        note = changes.of(model.model_id)
        _smaller(model, written, max(1, math.floor(each)), gpus, note)
        if each < 1:
            _part_of_a_gpu(written, math.ceil(len(models) / gpus), note)


def _one_replica(written: Draft, note: Note, gpus: int) -> None:
    options = written.get("deployment_config") or {}
    reason = f"there {'is one GPU' if gpus == 1 else f'are {gpus} GPUs'}"
    scaling = options.get("autoscaling_config")
    if scaling is not None:
        for name in ("min_replicas", "initial_replicas", "max_replicas"):
            if (scaling.get(name) or 0) > 1:
                note.set(scaling, name, 1, reason, place="autoscaling_config")
    elif options.get("num_replicas", 1) != 1:
        note.set(options, "num_replicas", 1, reason, place="deployment_config")


def _smaller(model: LLMConfig, written: Draft, share: int, gpus: int, note: Note) -> None:
    """Tensor parallel over the largest power of two that is within the share; no pipeline."""
    if model.devices <= share:
        return
    arguments = written.setdefault("engine_kwargs", {})
    reason = f"asks for {model.devices} GPUs; {share} of {gpus} is its share here"
    size = 1 << (share.bit_length() - 1)
    tensor = min(size, arguments.get("tensor_parallel_size", 1))
    note.set(arguments, "tensor_parallel_size", tensor, reason, place="engine_kwargs")
    if arguments.get("pipeline_parallel_size", 1) != 1:
        note.set(arguments, "pipeline_parallel_size", 1, reason, place="engine_kwargs")
    note.drop(written, "placement_group_config", reason)


def _part_of_a_gpu(written: Draft, sharers: int, note: Note) -> None:
    reason = f"{sharers} models share one GPU"
    part = math.floor(100 / sharers) / 100
    note.set(written, "placement_group_config", {"bundle_per_worker": {"CPU": 1, "GPU": part}}, reason)
    arguments = written.setdefault("engine_kwargs", {})
    share = arguments.get("gpu_memory_utilization", _GPU_MEMORY)
    note.set(arguments, "gpu_memory_utilization", round(share / sharers, 2), reason, place="engine_kwargs")
