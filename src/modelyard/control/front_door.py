"""A Gateway for manifests that have none: ``up`` puts one address in front of every model server that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from modelyard.local.model_servers import ModelServer, model_server
from modelyard.resources.apps import Deployment
from modelyard.resources.bases import Origin
from modelyard.resources.kinds import AnyResource
from modelyard.resources.loading import load_value
from modelyard.resources.ray_service import RayService
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.serve_config import read_serve_config

NAME = "modelyard"
_GATEWAY = "gateway.networking.k8s.io/v1"
_POOL_GROUP = "inference.networking.k8s.io"
_MODEL_HEADERS = ("X-Gateway-Model-Name", "X-Gateway-Base-Model-Name")


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One group of model servers that the Gateway leads to."""

    namespace: str
    name: str
    models: tuple[str, ...]
    """Names that clients may ask it for; empty: not known from the manifests."""
    backend: Mapping[str, Any]
    """``backendRef`` of an HTTPRoute."""
    pool: Mapping[str, Any] | None = None
    """The InferencePool that the backend is; None: it is a Service."""


def front_door(resources: ResourceSet) -> tuple[AnyResource, ...]:
    """Gateway, InferencePools and HTTPRoutes; nothing where the manifests have a Gateway, or no model server."""
    if resources.gateways:
        return ()
    servers = [*_deployments(resources), *_ray_services(resources)]
    if not servers:
        return ()
    manifests = [_gateway(), *(server.pool for server in servers if server.pool is not None)]
    manifests += [_route(server, alone=len(servers) == 1) for server in servers]
    return tuple(item for manifest in manifests for item in load_value(dict(manifest), Origin()).objects)


def _gateway() -> dict[str, Any]:
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    spec = {"gatewayClassName": NAME, "listeners": [listener]}
    return {"apiVersion": _GATEWAY, "kind": "Gateway", "metadata": {"name": NAME}, "spec": spec}


def _route(server: Server, *, alone: bool) -> dict[str, Any]:
    """By model name where there are several groups; everything where there is one, or its names are not known."""
    rule: dict[str, Any] = {"backendRefs": [server.backend]}
    if not alone and server.models:
        headers = [(header, model) for model in server.models for header in _MODEL_HEADERS]
        rule["matches"] = [{"headers": [{"name": header, "value": value}]} for header, value in headers]
    metadata = {"name": f"{NAME}-{server.name}", "namespace": server.namespace}
    spec = {"parentRefs": [{"name": NAME, "namespace": "default"}], "rules": [rule]}
    return {"apiVersion": _GATEWAY, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def _deployments(resources: ResourceSet) -> Iterator[Server]:
    for deployment in resources.deployments.values():
        server = model_server(deployment)
        if server is not None:
            yield _of_deployment(deployment, server)


def _of_deployment(deployment: Deployment, server: ModelServer) -> Server:
    """A pool of its own, so that the picker chooses among its replicas."""
    metadata = {"name": f"{NAME}-{deployment.metadata.name}", "namespace": deployment.metadata.namespace}
    spec = {
        "selector": {"matchLabels": dict(deployment.spec.template.metadata.labels)},
        "targetPorts": [{"number": server.port}],
        "endpointPickerRef": {"name": NAME, "port": {"number": 9002}},
    }
    return Server(
        namespace=deployment.metadata.namespace,
        name=deployment.metadata.name,
        models=server.served,
        backend={"group": _POOL_GROUP, "kind": "InferencePool", "name": metadata["name"]},
        pool={"apiVersion": f"{_POOL_GROUP}/v1", "kind": "InferencePool", "metadata": metadata, "spec": spec},
    )


def _ray_services(resources: ResourceSet) -> Iterator[Server]:
    for service in resources.ray_services.values():
        yield _of_ray(service)


def _of_ray(service: RayService) -> Server:
    config = read_serve_config(service.spec.serve_config_v2).config
    return Server(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        models=config.model_ids if config is not None else (),
        backend={"name": f"{service.metadata.name}-serve-svc", "port": 8000},
    )
