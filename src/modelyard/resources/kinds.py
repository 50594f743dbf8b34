"""The one table of kinds: (API group, kind) -> versions, type, and where the ResourceSet keeps it.

To add a kind: write its Struct in the file of its API group, add a row here and a field in ``ResourceSet``.
"""

from __future__ import annotations

import builtins

import msgspec

from modelyard.resources.apps import Deployment
from modelyard.resources.core import ConfigMap, Namespace, Pod, Secret, Service
from modelyard.resources.discovery import EndpointSlice
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.gateway import Gateway, GatewayClass
from modelyard.resources.gke import HealthCheckPolicy
from modelyard.resources.helm import BodyBasedRouterValues
from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.inference import (
    InferenceModel,
    InferenceModelRewrite,
    InferenceObjective,
    InferencePool,
)
from modelyard.resources.inference_v1alpha2 import OldInferencePool
from modelyard.resources.jobs import Job
from modelyard.resources.leader_worker_set import LeaderWorkerSet
from modelyard.resources.ray_service import RAY_GROUP, RayService
from modelyard.resources.reference_grant import ReferenceGrant
from modelyard.resources.unsupported import Unsupported
from modelyard.resources.yard import YARD_GROUP, Yard

Kubernetes = (
    Gateway
    | GatewayClass
    | HTTPRoute
    | ReferenceGrant
    | InferencePool
    | InferenceModel
    | InferenceObjective
    | InferenceModelRewrite
    | EndpointPickerConfig
    | HealthCheckPolicy
    | Service
    | Pod
    | Namespace
    | Secret
    | ConfigMap
    | EndpointSlice
    | Deployment
    | RayService
    | Job
    | LeaderWorkerSet
    | Yard
)
"""An object with apiVersion, kind and metadata that Modelyard uses."""

AnyResource = Kubernetes | BodyBasedRouterValues | Unsupported
"""Everything that loading can give."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    group: str
    kind: str
    versions: tuple[str, ...]
    type: builtins.type[Kubernetes]
    field: str
    """Field of ``ResourceSet``."""
    namespaced: bool = True
    written_as: builtins.type[OldInferencePool] | None = None
    """Type of the file's own shape, where that is an older one."""

    @property
    def strict(self) -> bool:
        """Whether unknown fields are errors."""
        return self.type.__struct_config__.forbid_unknown_fields

    @property
    def api_versions(self) -> tuple[str, ...]:
        """``group/version``, or ``version`` in the core group."""
        return tuple(f"{self.group}/{version}" if self.group else version for version in self.versions)


_GATEWAY = "gateway.networking.k8s.io"
_POOL = "inference.networking.k8s.io"
_OLD_POOL = "inference.networking.x-k8s.io"
_LLM_D = "llm-d.ai"
_V1: tuple[str, ...] = ("v1",)
_GATEWAY_VERSIONS = ("v1", "v1beta1")
_ALPHA2 = ("v1alpha2",)


def _row(group: str, versions: tuple[str, ...], type_: type[Kubernetes], field: str, namespaced: bool = True) -> Kind:
    return Kind(group=group, kind=type_.__name__, versions=versions, type=type_, field=field, namespaced=namespaced)


KINDS: tuple[Kind, ...] = (
    _row(_GATEWAY, _GATEWAY_VERSIONS, GatewayClass, "gateway_classes", namespaced=False),
    _row(_GATEWAY, _GATEWAY_VERSIONS, Gateway, "gateways"),
    _row(_GATEWAY, _GATEWAY_VERSIONS, HTTPRoute, "http_routes"),
    _row(_GATEWAY, _GATEWAY_VERSIONS, ReferenceGrant, "reference_grants"),
    _row(_POOL, _V1, InferencePool, "inference_pools"),
    Kind(
        group=_OLD_POOL,
        kind="InferencePool",
        versions=_ALPHA2,
        type=InferencePool,
        field="inference_pools",
        written_as=OldInferencePool,
    ),
    _row(_OLD_POOL, _ALPHA2, InferenceModel, "inference_models"),
    _row(_OLD_POOL, _ALPHA2, InferenceObjective, "inference_objectives"),
    _row(_LLM_D, _ALPHA2, InferenceObjective, "inference_objectives"),
    _row(_OLD_POOL, _ALPHA2, InferenceModelRewrite, "inference_model_rewrites"),
    _row(_LLM_D, _ALPHA2, InferenceModelRewrite, "inference_model_rewrites"),
    _row(_OLD_POOL, ("v1alpha1",), EndpointPickerConfig, "endpoint_picker_configs"),
    _row(_LLM_D, ("v1alpha1",), EndpointPickerConfig, "endpoint_picker_configs"),
    _row("networking.gke.io", _V1, HealthCheckPolicy, "health_check_policies"),
    _row("", _V1, Service, "services"),
    _row("", _V1, Pod, "pods"),
    _row("", _V1, Namespace, "namespaces", namespaced=False),
    _row("", _V1, Secret, "secrets"),
    _row("", _V1, ConfigMap, "config_maps"),
    _row("discovery.k8s.io", _V1, EndpointSlice, "endpoint_slices"),
    _row("apps", _V1, Deployment, "deployments"),
    _row(RAY_GROUP, _V1, RayService, "ray_services"),
    _row("batch", _V1, Job, "jobs"),
    _row("leaderworkerset.x-k8s.io", _V1, LeaderWorkerSet, "leader_worker_sets"),
    _row(YARD_GROUP, ("v1alpha1",), Yard, "yards"),
)

KINDS_BY_NAME = {(row.group, row.kind): row for row in KINDS}
"""(API group, kind) -> row."""
