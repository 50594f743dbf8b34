"""Which rules hold for which kind: the one table of validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from modelyard.resources.apps import Deployment
from modelyard.resources.core import ConfigMap, Namespace, Pod, Secret, Service
from modelyard.resources.discovery import EndpointSlice
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.faults import Report
from modelyard.resources.gateway import Gateway, GatewayClass
from modelyard.resources.gke import HealthCheckPolicy
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
from modelyard.resources.ray_service import RayService
from modelyard.resources.reference_grant import ReferenceGrant
from modelyard.resources.validation import formats
from modelyard.resources.validation.core import (
    check_config_map,
    check_endpoint_slice,
    check_secret,
    check_service,
)
from modelyard.resources.validation.endpoint_picker_config import check_endpoint_picker_config
from modelyard.resources.validation.gateway import check_gateway, check_gateway_class, check_reference_grant
from modelyard.resources.validation.gke import check_health_check_policy
from modelyard.resources.validation.http_route import check_http_route
from modelyard.resources.validation.inference import (
    check_inference_model,
    check_inference_model_rewrite,
    check_inference_objective,
    check_inference_pool,
    check_old_inference_pool,
)
from modelyard.resources.validation.metadata import check_metadata
from modelyard.resources.validation.pods import check_deployment, check_job, check_leader_worker_set, check_pod
from modelyard.resources.validation.ray_service import check_ray_service
from modelyard.resources.validation.yard import check_yard
from modelyard.resources.yard import Yard

Rule = Callable[[Any, Report], None]

RULES: dict[type[msgspec.Struct], Rule] = {
    GatewayClass: check_gateway_class,
    Gateway: check_gateway,
    HTTPRoute: check_http_route,
    ReferenceGrant: check_reference_grant,
    InferencePool: check_inference_pool,
    OldInferencePool: check_old_inference_pool,
    InferenceModel: check_inference_model,
    InferenceObjective: check_inference_objective,
    InferenceModelRewrite: check_inference_model_rewrite,
    EndpointPickerConfig: check_endpoint_picker_config,
    HealthCheckPolicy: check_health_check_policy,
    Service: check_service,
    EndpointSlice: check_endpoint_slice,
    Secret: check_secret,
    ConfigMap: check_config_map,
    Pod: check_pod,
    Deployment: check_deployment,
    RayService: check_ray_service,
    Job: check_job,
    LeaderWorkerSet: check_leader_worker_set,
    Yard: check_yard,
}
"""Type -> its rules. Types without a row have those of ``metadata`` only."""

_NAMES: dict[type[msgspec.Struct], formats.Check] = {
    Service: formats.dns_label_1035,
    RayService: formats.dns_label_1035,
    Yard: formats.dns_label_1035,
    Namespace: formats.dns_label,
}
"""Kinds whose names are narrower than a DNS subdomain."""


def check_rules(resource: Any, report: Report, *, namespaced: bool) -> None:
    """Everything that holds beyond types: ``metadata`` and the kind's own rules."""
    name = _NAMES.get(type(resource), formats.dns_subdomain)
    check_metadata(resource.metadata, report.at("metadata"), name, namespaced)
    rule = RULES.get(type(resource))
    if rule is not None:
        rule(resource, report)
