"""The Service that a cluster makes for a RayService (KubeRay), so that routes find it here too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelyard.resources.core import Service, ServicePort, ServiceSpec
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.ray_service import SERVE_PORT, SERVE_PORT_NAME, RayService

SERVICE_LABEL = "modelyard.dev/ray-service"
"""On the endpoint of a RayService: its name. KubeRay selects by the active cluster's name, which changes."""


def serve_services(objects: Iterable[object]) -> Iterator[Service]:
    """``<name>-serve-svc`` of each RayService for which the manifests have no Service of that name."""
    everything = list(objects)
    named = {(one.metadata.namespace, one.metadata.name) for one in everything if isinstance(one, Service)}
    for service in everything:
        if isinstance(service, RayService):
            made = _service(service)
            key = (made.metadata.namespace, made.metadata.name)
            if key not in named:
                named.add(key)
                yield made


def _service(service: RayService) -> Service:
    """As ``spec.serveService`` describes it, whose selector never counts; else with the one port 8000."""
    custom: Mapping[str, Any] = service.spec.serve_service or {}
    name = (custom.get("metadata") or {}).get("name") or service.serve_service
    return Service(
        api_version="v1",
        kind="Service",
        metadata=ObjectMeta(name=str(name), namespace=service.metadata.namespace),
        spec=ServiceSpec(
            selector={SERVICE_LABEL: service.metadata.name, "ray.io/serve": "true"},
            ports=tuple(_ports((custom.get("spec") or {}).get("ports"))),
        ),
        origin=service.origin,
    )


def _ports(written: Any) -> Iterator[ServicePort]:
    found = False
    for port in written if isinstance(written, list | tuple) else ():
        number = port.get("port") if isinstance(port, Mapping) else None
        if isinstance(number, int):
            found = True
            yield ServicePort(name=str(port.get("name", "")), port=number, target_port=SERVE_PORT)
    if not found:
        yield ServicePort(name=SERVE_PORT_NAME, port=SERVE_PORT, target_port=SERVE_PORT)
