"""RayService (``ray.io/v1``): an application of Ray Serve and the Ray cluster that it runs on.

Fields and defaults are KubeRay's (release 1.7). What ``serveConfigV2`` holds is typed in ``serve_config``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from modelyard.resources.bases import Strict, StrictResource
from modelyard.resources.pods import Container, EnvFromSource, EnvVar, PodTemplateSpec, ResourceRequirements

RAY_GROUP = "ray.io"
SERVE_PORT = 8000
"""Where Serve listens, and the port of the Service that KubeRay makes."""
SERVE_PORT_NAME = "serve"
MAX_NAME = 47
"""Characters of a RayService's name: KubeRay appends to it."""
UNLIMITED_REPLICAS = 2_147_483_647


class AutoscalerOptions(Strict, frozen=True, kw_only=True):
    """The autoscaler container beside the head. Accepted; nothing here scales a cluster."""

    resources: ResourceRequirements | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    security_context: Mapping[str, Any] = {}
    idle_timeout_seconds: int | None = None
    upscaling_mode: Literal["Default", "Aggressive", "Conservative"] | None = None
    version: Literal["v1", "v2"] | None = None
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    volume_mounts: tuple[Mapping[str, Any], ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


class AuthOptions(Strict, frozen=True, kw_only=True):
    """Who may talk to the cluster."""

    mode: Literal["disabled", "token"] = "token"
    secret_name: str | None = None
    enable_k8s_token_auth: bool = msgspec.field(default=False, name="enableK8sTokenAuth")


class HeadGroupSpec(Strict, frozen=True, kw_only=True):
    """The head: one Pod."""

    template: PodTemplateSpec
    ray_start_params: Mapping[str, str] = {}
    """Flags of ``ray start`` without the dashes, for example ``num-cpus: "0"``."""
    resources: Mapping[str, str] = {}
    """Ray's resources; they override those of ``rayStartParams``."""
    labels: Mapping[str, str] = {}
    service_type: str = ""
    head_service: Mapping[str, Any] | None = None
    enable_ingress: bool = False
    ingress_options: Mapping[str, Any] | None = None


class ScaleStrategy(Strict, frozen=True, kw_only=True):
    """Which workers go first; only an autoscaler writes it."""

    workers_to_delete: tuple[str, ...] = ()


class WorkerGroupSpec(Strict, frozen=True, kw_only=True):
    """Workers of one kind."""

    group_name: str
    template: PodTemplateSpec
    replicas: int = 0
    min_replicas: int = 0
    max_replicas: int = UNLIMITED_REPLICAS
    num_of_hosts: int = 1
    """Pods per replica."""
    ray_start_params: Mapping[str, str] = {}
    resources: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    idle_timeout_seconds: int | None = None
    priority: int = 0
    suspend: bool = False
    scale_strategy: ScaleStrategy = ScaleStrategy()


class ClusterUpgradeStrategy(Strict, frozen=True, kw_only=True):
    """How a RayCluster of its own would be upgraded; not used for a RayService."""

    type: Literal["Recreate", "None"] | None = None


class RayClusterSpec(Strict, frozen=True, kw_only=True):
    """The cluster that the application runs on."""

    head_group_spec: HeadGroupSpec
    worker_group_specs: tuple[WorkerGroupSpec, ...] = ()
    ray_version: str = ""
    enable_in_tree_autoscaling: bool = False
    autoscaler_options: AutoscalerOptions | None = None
    auth_options: AuthOptions | None = None
    head_service_annotations: Mapping[str, str] = {}
    gcs_fault_tolerance_options: Mapping[str, Any] | None = None
    history_server_options: Mapping[str, Any] | None = None
    network_policy: Mapping[str, Any] | None = None
    tls_options: Mapping[str, Any] | None = None
    upgrade_strategy: ClusterUpgradeStrategy | None = None
    suspend: bool = False
    managed_by: str | None = None

    @property
    def head(self) -> Container:
        """Ray's container of the head: KubeRay appends ``ray start`` to the first one."""
        return self.head_group_spec.template.spec.containers[0]


class ClusterUpgradeOptions(Strict, frozen=True, kw_only=True):
    """Steps of an incremental upgrade."""

    max_surge_percent: int = 100
    step_size_percent: int
    interval_seconds: int
    gateway_class_name: str


class UpgradeStrategy(Strict, frozen=True, kw_only=True):
    """What becomes of a changed cluster spec. No type means a new cluster beside the old one."""

    type: Literal["NewCluster", "NewClusterWithIncrementalUpgrade", "None"] = "NewCluster"
    cluster_upgrade_options: ClusterUpgradeOptions | None = None


class RayServiceSpec(Strict, frozen=True, kw_only=True):
    """An application and its cluster."""

    serve_config_v2: str = msgspec.field(default="", name="serveConfigV2")
    """YAML as text; ``serve_config.read_serve_config`` reads it."""
    ray_cluster_config: RayClusterSpec
    serve_service: Mapping[str, Any] | None = None
    """A Service that replaces the usual one; its selector is never used."""
    upgrade_strategy: UpgradeStrategy = UpgradeStrategy()
    ray_cluster_deletion_delay_seconds: int = 60
    """Seconds between a switch-over and the end of the old cluster."""
    exclude_head_pod_from_serve_svc: bool = False
    suspend: bool = False
    managed_by: str | None = None
    service_unhealthy_second_threshold: int | None = None
    """No longer used by KubeRay."""
    deployment_unhealthy_second_threshold: int | None = None
    """No longer used by KubeRay."""


class RayService(StrictResource, frozen=True, kw_only=True):
    """One or more Serve applications on a Ray cluster of their own."""

    spec: RayServiceSpec

    @property
    def serve_service(self) -> str:
        """The Service through which the applications are reached."""
        return f"{self.metadata.name}-serve-svc"

    @property
    def head_service(self) -> str:
        """The Service of the head (dashboard, metrics)."""
        return f"{self.metadata.name}-head-svc"
