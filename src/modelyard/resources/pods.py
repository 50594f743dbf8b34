"""The parts of a Pod that a local runner needs (Kubernetes core ``v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from modelyard.resources.bases import Lenient
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.probes import Lifecycle, Probe
from modelyard.resources.quantities import Quantity
from modelyard.resources.volumes import Volume, VolumeDevice, VolumeMount


class KeySelector(Lenient, frozen=True, kw_only=True):
    """One key of a ConfigMap or Secret of the same namespace."""

    name: str = ""
    key: str
    optional: bool = False


class ObjectFieldSelector(Lenient, frozen=True, kw_only=True):
    """A field of the Pod itself, for example ``metadata.name`` or ``status.podIP``."""

    field_path: str


class ResourceFieldSelector(Lenient, frozen=True, kw_only=True):
    """A request or limit of a container."""

    container_name: str = ""
    resource: str
    divisor: Quantity = "1"


class EnvVarSource(Lenient, frozen=True, kw_only=True):
    """Where an environment value comes from; exactly one field is set."""

    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None


class EnvVar(Lenient, frozen=True, kw_only=True):
    """One environment variable. ``$(NAME)`` in the value refers to variables before it."""

    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class EnvSourceRef(Lenient, frozen=True, kw_only=True):
    """A whole ConfigMap or Secret."""

    name: str = ""
    optional: bool = False


class EnvFromSource(Lenient, frozen=True, kw_only=True):
    """All keys of a ConfigMap or Secret as variables."""

    prefix: str = ""
    config_map_ref: EnvSourceRef | None = None
    secret_ref: EnvSourceRef | None = None


class ContainerPort(Lenient, frozen=True, kw_only=True):
    """A port that a container listens on."""

    container_port: int
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class ResourceRequirements(Lenient, frozen=True, kw_only=True):
    """Quantities by resource name, for example ``cpu: "2"`` or ``nvidia.com/gpu: 1``."""

    limits: Mapping[str, Quantity] = {}
    requests: Mapping[str, Quantity] = {}


class Container(Lenient, frozen=True, kw_only=True):
    """One process of a Pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    """Empty: the image's own entry point."""
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: Literal["Always", "OnFailure", "Never"] | None = None
    """``Always`` on an init container: a sidecar, which keeps running."""
    image_pull_policy: str = ""


class Toleration(Lenient, frozen=True, kw_only=True):
    """A taint that the Pod tolerates."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class PodSpec(Lenient, frozen=True, kw_only=True):
    """What a Pod runs."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    termination_grace_period_seconds: int = 30
    enable_service_links: bool = True
    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    service_account_name: str = ""
    hostname: str = ""
    host_network: bool = False


class PodTemplateSpec(Lenient, frozen=True, kw_only=True):
    """What each replica looks like."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec
