"""Which port of an EndpointSlice belongs to a Service port."""

from __future__ import annotations

import pytest

from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.fleet.slices import slice_endpoints
from modelyard.resources.core import Service, ServicePort, ServiceSpec
from modelyard.resources.discovery import EndpointPort, EndpointSlice, SliceEndpoint, TargetReference
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.resource_set import ResourceSet


def endpoints(
    port: ServicePort,
    slice_ports: tuple[EndpointPort, ...],
    *,
    kind: str = "IPv4",
    service_name: str = "s",
    pods: dict[tuple[str, str], PodEndpoint] | None = None,
) -> list[tuple[PodEndpoint, int]]:
    service = Service(api_version="v1", kind="Service", metadata=ObjectMeta(name="s"), spec=ServiceSpec(ports=(port,)))
    piece = EndpointSlice(
        api_version="discovery.k8s.io/v1",
        kind="EndpointSlice",
        metadata=ObjectMeta(name="s-1", labels={"kubernetes.io/service-name": service_name, "x": "y"}),
        address_type=kind,  # type: ignore[arg-type]
        ports=slice_ports,
        endpoints=(
            SliceEndpoint(addresses=("10.0.0.1", "10.0.0.2"), target_ref=TargetReference(kind="Pod", name="p")),
            SliceEndpoint(addresses=()),
        ),
    )
    found = ResourceSet(endpoint_slices={("default", "s-1"): piece})
    return list(slice_endpoints(found, service, port, pods or {}))


@pytest.mark.parametrize(
    ("port", "slice_ports", "number"),
    [
        (ServicePort(port=80), (EndpointPort(port=8000),), 8000),
        (
            ServicePort(port=80, name="http"),
            (EndpointPort(port=9, name="m"), EndpointPort(port=8000, name="http")),
            8000,
        ),
        (ServicePort(port=80, name="http", target_port=8000), (EndpointPort(port=8000),), 8000),
        (ServicePort(port=80, target_port=8000), (EndpointPort(name="http", port=8000),), 8000),
        (ServicePort(port=80, target_port="http"), (EndpointPort(name="", port=None),), 80),
        (ServicePort(port=80, name="http"), (EndpointPort(port=9, name="m"),), None),
        (ServicePort(port=80), (EndpointPort(port=53, protocol="UDP"),), None),
        (ServicePort(port=80), (), None),
    ],
)
def test_ports(port: ServicePort, slice_ports: tuple[EndpointPort, ...], number: int | None) -> None:
    assert [found for _, found in endpoints(port, slice_ports)] == ([] if number is None else [number])


def test_other_services_and_host_names_are_left_out() -> None:
    port, ports = ServicePort(port=80), (EndpointPort(port=8000),)
    assert not endpoints(port, ports, service_name="t")
    assert not endpoints(port, ports, kind="FQDN")


def test_an_entry_is_joined_with_its_pod() -> None:
    port, ports = ServicePort(port=80), (EndpointPort(port=8000),)
    pod = PodEndpoint(name="p", ip="10.0.0.1", labels={"app": "a"}, annotations={"prometheus.io/port": "8080"})
    ((found, _),) = endpoints(port, ports, pods={("default", "p"): pod})
    assert (found.labels, found.annotations) == (pod.labels, pod.annotations)
    ((alone, _),) = endpoints(port, ports)
    assert (alone.name, alone.labels["x"]) == ("p", "y")
