from __future__ import annotations

from modelyard.local.service_links import container_port, service_links
from modelyard.resources.core import Service, ServicePort, ServiceSpec
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.pods import Container, ContainerPort


def service(name: str, *ports: ServicePort, **spec: str) -> Service:
    return Service(
        api_version="v1", kind="Service", metadata=ObjectMeta(name=name), spec=ServiceSpec(ports=ports, **spec)
    )  # type: ignore[arg-type]


def test_host_and_ports_without_the_variable_that_breaks_vllm() -> None:
    one = service("vllm", ServicePort(name="http", port=80), ServicePort(name="side-car", port=90))
    links = service_links([one], lambda service, port: ("127.8.1.1", port.port + 8000))
    assert links == {
        "VLLM_SERVICE_HOST": "127.8.1.1",
        "VLLM_SERVICE_PORT": "8080",
        "VLLM_SERVICE_PORT_HTTP": "8080",
        "VLLM_SERVICE_PORT_SIDE_CAR": "8090",
    }


def test_services_without_an_address_give_none() -> None:
    headless = service("a", ServicePort(port=80), cluster_ip="None")
    nothing = service("b", ServicePort(port=80))
    assert service_links([headless, nothing], lambda service, port: None) == {}
    assert service_links([headless], lambda service, port: ("127.8.1.1", 1)) == {}


def test_target_ports_by_number_and_by_name() -> None:
    container = Container(name="c", ports=(ContainerPort(container_port=8000, name="http"),))
    assert container_port(ServicePort(port=80), container) == 80
    assert container_port(ServicePort(port=80, target_port=9000), container) == 9000
    assert container_port(ServicePort(port=80, target_port="http"), container) == 8000
    assert container_port(ServicePort(port=80, target_port="other"), container) is None
