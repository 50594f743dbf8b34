"""All objects of all files, by kind and name, as one immutable value that can be sent to workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from modelyard.resources.apps import Deployment
from modelyard.resources.core import ConfigMap, Namespace, Pod, Secret, Service
from modelyard.resources.discovery import EndpointSlice
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.errors import ResourceError
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
from modelyard.resources.jobs import Job
from modelyard.resources.kinds import KINDS, AnyResource
from modelyard.resources.leader_worker_set import LeaderWorkerSet
from modelyard.resources.moving_code import set_aside
from modelyard.resources.ray_service import RayService
from modelyard.resources.reference_grant import ReferenceGrant
from modelyard.resources.unsupported import Unsupported
from modelyard.resources.yard import Yard


class ResourceSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user wrote. Build it with ``of``; mappings keep the order of files and documents."""

    gateway_classes: Mapping[tuple[str, str], GatewayClass] = {}
    gateways: Mapping[tuple[str, str], Gateway] = {}
    http_routes: Mapping[tuple[str, str], HTTPRoute] = {}
    reference_grants: Mapping[tuple[str, str], ReferenceGrant] = {}
    inference_pools: Mapping[tuple[str, str], InferencePool] = {}
    inference_models: Mapping[tuple[str, str], InferenceModel] = {}
    inference_objectives: Mapping[tuple[str, str], InferenceObjective] = {}
    inference_model_rewrites: Mapping[tuple[str, str], InferenceModelRewrite] = {}
    endpoint_picker_configs: Mapping[tuple[str, str], EndpointPickerConfig] = {}
    health_check_policies: Mapping[tuple[str, str], HealthCheckPolicy] = {}
    services: Mapping[tuple[str, str], Service] = {}
    pods: Mapping[tuple[str, str], Pod] = {}
    namespaces: Mapping[tuple[str, str], Namespace] = {}
    secrets: Mapping[tuple[str, str], Secret] = {}
    config_maps: Mapping[tuple[str, str], ConfigMap] = {}
    endpoint_slices: Mapping[tuple[str, str], EndpointSlice] = {}
    deployments: Mapping[tuple[str, str], Deployment] = {}
    ray_services: Mapping[tuple[str, str], RayService] = {}
    jobs: Mapping[tuple[str, str], Job] = {}
    leader_worker_sets: Mapping[tuple[str, str], LeaderWorkerSet] = {}
    yards: Mapping[tuple[str, str], Yard] = {}
    """As written; what they stand for is among the other objects once manifests were read."""
    bbr_values: tuple[BodyBasedRouterValues, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()

    @staticmethod
    def of(objects: Iterable[AnyResource]) -> tuple[ResourceSet, tuple[ResourceError, ...]]:
        """The set of all objects. Of two with one kind and name the first stays; the other is an error, unless they are
        two variants of a RayService (``moving_code``)."""
        fields: dict[str, dict[tuple[str, str], Any]] = {row.field: {} for row in KINDS}
        values: list[BodyBasedRouterValues] = []
        unsupported: list[Unsupported] = []
        errors: list[ResourceError] = []
        for resource in objects:
            if isinstance(resource, BodyBasedRouterValues):
                values.append(resource)
            elif isinstance(resource, Unsupported):
                unsupported.append(resource)
            else:
                named = fields[_FIELD_OF_TYPE[type(resource)]]
                key = (resource.metadata.namespace, resource.metadata.name)
                first = named.setdefault(key, resource)
                chosen = (
                    set_aside(first, resource) if isinstance(resource, RayService) and first is not resource else None
                )
                if chosen is not None:
                    named[key] = chosen[0]
                    unsupported.append(chosen[1])
                elif first is not resource:
                    errors.append(_duplicate(first, resource))
        whole: Any = {field: named for field, named in fields.items() if named}
        return ResourceSet(bbr_values=tuple(values), unsupported=tuple(unsupported), **whole), tuple(errors)

    def __iter__(self) -> Iterator[AnyResource]:
        """Every object, kind by kind."""
        for field in dict.fromkeys(row.field for row in KINDS):
            yield from getattr(self, field).values()
        yield from self.bbr_values
        yield from self.unsupported


_FIELD_OF_TYPE = {row.type: row.field for row in KINDS}
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ResourceSet)


def encode_objects(resources: ResourceSet) -> bytes:
    """The set as msgpack, for another process of the same version."""
    return _ENCODER.encode(resources)


def decode_objects(data: bytes) -> ResourceSet:
    """The inverse of ``encode_objects``. Raises ``msgspec.DecodeError`` for anything else."""
    return _DECODER.decode(data)


def _duplicate(first: Any, second: Any) -> ResourceError:
    return ResourceError.at(
        second.origin,
        subject=f"{second.kind} {second.metadata.namespace}/{second.metadata.name}".replace(" /", " "),
        message=f"is already defined at {first.origin}; rename one of the two or remove it",
    )
