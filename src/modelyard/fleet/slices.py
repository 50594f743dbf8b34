"""The endpoints of a Service port that EndpointSlices give (``discovery.k8s.io/v1``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.resources.core import Service, ServicePort
from modelyard.resources.discovery import EndpointSlice, SliceEndpoint
from modelyard.resources.resource_set import ResourceSet


def slice_endpoints(
    resources: ResourceSet,
    service: Service,
    port: ServicePort,
    pods: Mapping[tuple[str, str], PodEndpoint],
) -> Iterator[tuple[PodEndpoint, int]]:
    """Each entry of the Service's slices with its port number, joined with the Pod that it refers to."""
    meta = service.metadata
    for piece in resources.endpoint_slices.values():
        if piece.service_name != meta.name or piece.metadata.namespace != meta.namespace:
            continue
        number = _number(piece, port)
        if number is None or piece.address_type == "FQDN":
            continue
        for entry in piece.endpoints:
            if entry.addresses:
                yield _joined(piece, entry, pods), number


def _number(piece: EndpointSlice, port: ServicePort) -> int | None:
    """The slice's port of the Service port's name; where hand-written slices have no names, by number."""
    target = port.target_port if port.target_port is not None else port.port
    tcp = [candidate for candidate in piece.ports if candidate.protocol == "TCP"]
    for candidate in tcp:
        if candidate.name == port.name:
            return candidate.port or (target if isinstance(target, int) else port.port)
    return next((candidate.port for candidate in tcp if candidate.port == target), None)


def _joined(piece: EndpointSlice, entry: SliceEndpoint, pods: Mapping[tuple[str, str], PodEndpoint]) -> PodEndpoint:
    """An unknown condition counts as ready, as the API says."""
    ready = entry.conditions.ready is not False
    name = entry.target_ref.name if entry.target_ref is not None and entry.target_ref.kind == "Pod" else ""
    pod = pods.get((piece.metadata.namespace, name))
    return PodEndpoint(
        name=name or entry.hostname or "",
        namespace=piece.metadata.namespace,
        ip=entry.addresses[0],
        labels=pod.labels if pod is not None else piece.metadata.labels,
        annotations=pod.annotations if pod is not None else piece.metadata.annotations,
        ready=ready,
        reason="" if ready else "its EndpointSlice says that it is not ready",
        ports=pod.ports if pod is not None else {},
    )
