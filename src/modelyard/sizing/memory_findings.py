"""Memory for weights and KV cache against the accelerator's.

What vLLM does at start-up: it takes ``--gpu-memory-utilization`` of each GPU, loads its share of the weights, runs the
largest batch once to see what that needs, and gives the rest to the KV cache. It refuses to start where that does not
hold one sequence of ``--max-model-len``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelyard.resources.finding import Finding
from modelyard.sizing.accelerators import GIB
from modelyard.sizing.demand import ReplicaDemand
from modelyard.sizing.model_shapes import ModelShape, element_bytes

CHECK = "accelerator-memory"

WORKING_BYTES = 1.5 * GIB
"""Per GPU, for activations of the largest batch, CUDA graphs and NCCL buffers: about what models of these sizes take;
an estimate."""


class MemoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per GPU of one replica. Estimates: say so where they are shown."""

    usable: float
    """What vLLM may take."""
    weights: float
    kv_per_token: float
    """0: unknown."""
    context: int
    """Tokens of one longest sequence; 0: unknown."""

    @property
    def left(self) -> float:
        """For the KV cache."""
        return self.usable - self.weights - WORKING_BYTES

    @property
    def tokens(self) -> int:
        """What the KV cache holds; 0 where that is not known, or nothing fits."""
        return int(max(self.left, 0.0) / self.kv_per_token) if self.kv_per_token else 0


def memory_need(demand: ReplicaDemand, shape: ModelShape) -> MemoryNeed | None:
    """What one GPU of the replica must hold; None where the accelerator is not known."""
    if demand.accelerator is None:
        return None
    weight_bytes = element_bytes(demand.quantization) or element_bytes(demand.dtype) or 2.0
    kv_bytes = element_bytes(demand.kv_cache_dtype) or 2.0
    tensor, pipeline = demand.tensor_parallel, demand.pipeline_parallel
    # A KV head is never split: with more GPUs than heads each keeps a copy of one.
    heads = min(tensor, shape.kv_heads) if shape.kv_heads else 1
    return MemoryNeed(
        usable=demand.accelerator.memory * demand.memory_utilization,
        weights=shape.parameters * weight_bytes / (tensor * pipeline),
        kv_per_token=shape.kv_bytes_per_token(kv_bytes) / (heads * pipeline),
        context=demand.max_model_len or shape.context,
    )


def memory_findings(demand: ReplicaDemand, shape: ModelShape | None) -> Iterator[Finding]:
    """Remarks on one replica; none where the accelerator or the model's size is not known."""
    need = memory_need(demand, shape) if shape is not None else None
    if need is None or shape is None or demand.accelerator is None:
        return
    where = f"each {demand.accelerator.name} gives {_gib(need.usable)}"
    if need.left <= 0:
        yield _finding(
            demand,
            f"the weights take about {_gib(need.weights)} per GPU (from {shape.source}) and {where}: it will not start",
            f"spread it over {_enough(demand, shape)} GPUs (--tensor-parallel-size), take a larger accelerator, "
            "or a quantized model",
        )
    elif need.kv_per_token and need.context and need.tokens < need.context:
        yield _finding(
            demand,
            f"weights take about {_gib(need.weights)} per GPU and {where}, so the KV cache holds about "
            f"{need.tokens:,} tokens: less than one sequence of {need.context:,} (from {shape.source}), and vLLM "
            "refuses to start",
            f"set --max-model-len={max(1024, need.tokens // 1024 * 1024)} or less, or use more GPUs",
        )


def _enough(demand: ReplicaDemand, shape: ModelShape) -> int:
    """The least power of two of tensor parallelism with which the weights fit and leave room."""
    size = demand.tensor_parallel
    while size < 1024:
        size *= 2
        need = memory_need(msgspec.structs.replace(demand, tensor_parallel=size), shape)
        if need is not None and need.left > 0.1 * need.usable:
            break
    return size * demand.pipeline_parallel


def _gib(number: float) -> str:
    return f"{number / GIB:.1f} GiB"


def _finding(demand: ReplicaDemand, message: str, advice: str) -> Finding:
    return Finding(object=demand.object, check=CHECK, message=message, advice=advice)
