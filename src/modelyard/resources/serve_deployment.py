"""Options of a Ray Serve deployment (2.60), and what every part of a Serve configuration is built on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class ServePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a Serve configuration: Ray's own snake_case names, and unknown ones are errors."""


class AutoscalingConfig(ServePart, frozen=True, kw_only=True):
    """How many replicas, from the number of requests that each has at a time. Times in seconds."""

    min_replicas: int = 1
    initial_replicas: int | None = None
    max_replicas: int = 1
    target_ongoing_requests: float | None = None
    """None: 2, or a billion in Ray Serve LLM."""
    metrics_interval_s: float = 10
    look_back_period_s: float = 30
    upscale_delay_s: float = 30
    downscale_delay_s: float = 600
    downscale_to_zero_delay_s: float | None = None
    upscaling_factor: float | None = None
    downscaling_factor: float | None = None
    smoothing_factor: float | None = None
    upscale_smoothing_factor: float | None = None
    downscale_smoothing_factor: float | None = None
    aggregation_function: Literal["mean", "max", "min"] = "mean"
    policy: Mapping[str, Any] | None = None


class RayActorOptions(ServePart, frozen=True, kw_only=True):
    """What Ray reserves for one replica."""

    num_cpus: float | None = None
    """None: 1."""
    num_gpus: float | None = None
    memory: float | None = None
    """Bytes."""
    resources: Mapping[str, float] = {}
    accelerator_type: str | None = None
    runtime_env: Mapping[str, Any] = {}
    label_selector: Mapping[str, str] | None = None
    fallback_strategy: tuple[Mapping[str, Any], ...] | None = None
    object_store_memory: float | None = None


class DeploymentOptions(ServePart, frozen=True, kw_only=True):
    """Options of a Serve deployment; None: what the code says, or Serve's default."""

    num_replicas: int | str | None = None
    """A number, or ``auto``."""
    max_ongoing_requests: int | None = None
    """Requests that a replica has at a time. None: 5, or a billion in Ray Serve LLM."""
    max_queued_requests: int | None = None
    """-1: no limit."""
    backpressure_config: Mapping[str, Any] | None = None
    user_config: Any = None
    autoscaling_config: AutoscalingConfig | None = None
    graceful_shutdown_wait_loop_s: float | None = None
    graceful_shutdown_timeout_s: float | None = None
    health_check_period_s: float | None = None
    health_check_timeout_s: float | None = None
    ray_actor_options: RayActorOptions | None = None
    placement_group_bundles: tuple[Mapping[str, float], ...] | None = None
    placement_group_strategy: str | None = None
    placement_group_bundle_label_selector: tuple[Mapping[str, str], ...] | None = None
    max_replicas_per_node: int | None = None
    logging_config: Mapping[str, Any] | None = None
    request_router_config: Mapping[str, Any] | None = None
    gang_scheduling_config: Mapping[str, Any] | None = None
    deployment_actors: tuple[Mapping[str, Any], ...] | None = None
    rolling_update_percentage: float | None = None
    max_surge_percent: int | None = None


class ServeDeployment(DeploymentOptions, frozen=True, kw_only=True):
    """Options of the deployment of this name, above what its code says."""

    name: str


class LLMDeploymentOptions(DeploymentOptions, frozen=True, kw_only=True):
    """Options of a deployment that Ray Serve LLM makes and names."""

    name: str = ""
    """Empty: made from the model's id."""
