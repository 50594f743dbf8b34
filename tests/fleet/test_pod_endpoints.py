"""Pods as endpoints."""

from __future__ import annotations

import pytest

from modelyard.fleet.pod_endpoints import PodEndpoint, address_of, pod_endpoint, selected
from modelyard.resources.core import Pod, PodStatus
from modelyard.resources.metadata import Condition, ObjectMeta
from modelyard.resources.pods import Container, ContainerPort, PodSpec


def pod(status: PodStatus) -> Pod:
    container = Container(name="c", ports=(ContainerPort(container_port=8000, name="http"),))
    meta = ObjectMeta(name="p", namespace="n", labels={"app": "x"})
    return Pod(api_version="v1", kind="Pod", metadata=meta, spec=PodSpec(containers=(container,)), status=status)


def test_a_ready_pod() -> None:
    found = pod_endpoint(pod(PodStatus(phase="Running", pod_ip="10.0.0.1")))
    assert found == PodEndpoint(name="p", namespace="n", ip="10.0.0.1", labels={"app": "x"}, ports={"http": 8000})


def test_a_pod_that_is_not_ready_says_so() -> None:
    condition = Condition(type="Ready", status="False", reason="ContainersNotReady")
    found = pod_endpoint(pod(PodStatus(phase="Running", pod_ip="10.0.0.1", conditions=(condition,))))
    assert found is not None
    assert not found.ready
    assert "Running" in found.reason


def test_a_pod_without_an_address_is_no_endpoint() -> None:
    assert pod_endpoint(pod(PodStatus(phase="Pending"))) is None


@pytest.mark.parametrize(
    ("wanted", "port"), [(8000, 18000), (9000, 9000), ("http", 18000), ("metrics", 9400), ("none", None)]
)
def test_ports_by_number_and_name_through_the_mapping(wanted: int | str, port: int | None) -> None:
    replica = PodEndpoint(name="r", ip="127.0.0.1", ports={"http": 8000, "metrics": 9400}, port_map={8000: 18000})
    assert replica.port(wanted) == port


def test_addresses() -> None:
    assert address_of("10.0.0.1", 80) == "10.0.0.1:80"
    assert address_of("fd00::1", 80) == "[fd00::1]:80"


def test_selection_stays_in_the_namespace() -> None:
    replica = PodEndpoint(name="r", ip="1", namespace="n", labels={"app": "x", "v": "1"})
    assert selected({"app": "x"}, "n", replica)
    assert not selected({"app": "x"}, "other", replica)
    assert not selected({"app": "x", "v": "2"}, "n", replica)
