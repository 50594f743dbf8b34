"""What one replica of a model server asks for, whatever kind of object describes it."""

from __future__ import annotations

import msgspec

from modelyard.sizing.accelerators import Accelerator

GPU_RESOURCE = "nvidia.com/gpu"


class ReplicaDemand(msgspec.Struct, frozen=True, kw_only=True):
    """One replica: where it is written, what it asks for, and how its engine spreads the model."""

    object: str
    """``Kind namespace/name``."""
    model: str
    """Model as written: a hub id, a path."""
    gpus_per_pod: int
    """``resources.limits["nvidia.com/gpu"]`` of one Pod."""
    pods: int = 1
    """Pods of one replica: more than 1 where it spans nodes (LeaderWorkerSet, Ray bundles)."""
    accelerator: Accelerator | None = None
    """What the node selector or ``accelerator_type`` names; None: nothing, or one that the table does not have."""
    accelerator_label: str = ""
    """The value as written."""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    """Data-parallel engines inside of this replica."""
    max_model_len: int = 0
    """Tokens; 0: the model's own."""
    memory_utilization: float = 0.9
    """vLLM's ``--gpu-memory-utilization``; its default is 0.9."""
    dtype: str = "auto"
    quantization: str = ""
    kv_cache_dtype: str = "auto"
    tells_gpus: bool = True
    """Whether ``gpus_per_pod`` was written at all."""
    spans_nodes: bool = False
    """Whether the GPUs of one Pod may lie on several nodes: they are bundles that Ray places."""

    @property
    def world_size(self) -> int:
        """GPUs that the engine of one replica uses."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @property
    def gpus(self) -> int:
        """GPUs that one replica is given."""
        return self.gpus_per_pod * self.pods
