"""What the models of a RayService ask of GPUs, and whether the cluster that it describes has as many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.resources.finding import Finding
from modelyard.resources.pods import Container
from modelyard.resources.quantities import parse_quantity
from modelyard.resources.ray_service import RayService, WorkerGroupSpec
from modelyard.resources.serve_config import ServeConfig, read_serve_config
from modelyard.resources.serve_llm_config import LLMConfig
from modelyard.sizing.accelerators import Accelerator, ray_accelerator, selected_accelerator
from modelyard.sizing.demand import GPU_RESOURCE, ReplicaDemand

CHECK = "ray-cluster-gpus"


def ray_demands(service: RayService) -> Iterator[ReplicaDemand]:
    """One demand for each model of Ray Serve LLM. Ray places the GPUs of one replica over nodes as its bundles say, so
    a node's size is no limit."""
    for _, demand in _paired(service):
        yield demand


def ray_cluster_findings(service: RayService) -> Iterator[Finding]:
    """Whether the workers have the GPUs that the least number of replicas takes. Without them Ray Serve waits, with the
    application in DEPLOYING, and says so in its logs only."""
    wanted = sum(_least_replicas(config) * demand.world_size for config, demand in _paired(service))
    have = sum(_gpus(group) * _most(group) for group in service.spec.ray_cluster_config.worker_group_specs)
    if wanted > have:
        yield Finding(
            object=_name(service),
            check=CHECK,
            message=f"its models take {wanted} GPUs at least (replicas x parallel sizes) and its worker groups have "
            f"{have} at most: the application would stay in DEPLOYING",
            advice="raise maxReplicas of a worker group, or lower min_replicas or the parallel sizes",
        )


def _paired(service: RayService) -> Iterator[tuple[LLMConfig, ReplicaDemand]]:
    for config in _models(service):
        if config.accelerator_config is None or config.accelerator_config.kind == "gpu":
            yield config, _demand(service, config)


def _demand(service: RayService, config: LLMConfig) -> ReplicaDemand:
    kwargs = config.engine_kwargs
    accelerator, label = _accelerator(service, config)
    bundles = config.placement_group_config.bundles if config.placement_group_config is not None else None
    return ReplicaDemand(
        object=f"{_name(service)} model {config.model_id}",
        model=config.model_loading_config.source,
        gpus_per_pod=int(sum(bundle.get("GPU", 0) for bundle in bundles or ())),
        accelerator=accelerator,
        accelerator_label=label,
        tensor_parallel=_whole(kwargs, "tensor_parallel_size") or 1,
        pipeline_parallel=_whole(kwargs, "pipeline_parallel_size") or 1,
        max_model_len=_whole(kwargs, "max_model_len"),
        memory_utilization=_share(kwargs.get("gpu_memory_utilization")),
        dtype=str(kwargs.get("dtype", "auto")),
        quantization=str(kwargs.get("quantization") or ""),
        kv_cache_dtype=str(kwargs.get("kv_cache_dtype", "auto")),
        tells_gpus=bundles is not None,
        spans_nodes=True,
    )


def _accelerator(service: RayService, config: LLMConfig) -> tuple[Accelerator | None, str]:
    """By Ray's name; else by the node selector, where all worker groups have the same."""
    if config.accelerator_type:
        return ray_accelerator(config.accelerator_type), ""
    groups = service.spec.ray_cluster_config.worker_group_specs
    selected = [selected_accelerator(group.template.spec.node_selector) for group in groups]
    return selected[0] if selected and all(one == selected[0] for one in selected) else (None, "")


def _models(service: RayService) -> Iterator[LLMConfig]:
    config: ServeConfig | None = read_serve_config(service.spec.serve_config_v2).config
    for application in config.applications if config is not None else ():
        if application.llm_args is not None:
            yield from application.llm_args.models


def _least_replicas(config: LLMConfig) -> int:
    options = config.deployment_config
    if options.autoscaling_config is not None:
        return options.autoscaling_config.min_replicas
    return options.num_replicas if isinstance(options.num_replicas, int) else 1


def _gpus(group: WorkerGroupSpec) -> int:
    containers: tuple[Container, ...] = group.template.spec.containers[:1]
    limits = containers[0].resources.limits if containers else {}
    try:
        return int(parse_quantity(group.resources.get("GPU", limits.get(GPU_RESOURCE, 0))))
    except ValueError:
        return 0


def _most(group: WorkerGroupSpec) -> int:
    """Pods that a group can have."""
    return max(group.replicas, group.max_replicas, group.min_replicas) * max(1, group.num_of_hosts)


def _name(service: RayService) -> str:
    return f"RayService {service.metadata.namespace}/{service.metadata.name}"


def _whole(kwargs: Mapping[str, Any], name: str) -> int:
    value = kwargs.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0


def _share(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value <= 1 else 0.9
