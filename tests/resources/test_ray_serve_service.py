from __future__ import annotations

from modelyard.resources.loading import load_documents
from modelyard.resources.ray_serve_service import serve_services

RAY = """
apiVersion: ray.io/v1
kind: RayService
metadata: {name: gemma, namespace: models}
spec:
  serveConfigV2: "applications: []"
  rayClusterConfig:
    headGroupSpec:
      template: {spec: {containers: [{name: ray-head}]}}
"""
OWN = """
---
apiVersion: v1
kind: Service
metadata: {name: gemma-serve-svc, namespace: models}
spec:
  selector: {app: other}
  ports: [{port: 80}]
"""


def made(text: str):
    return list(serve_services(load_documents(text.encode(), "a.yaml").objects))


def test_each_ray_service_has_its_serve_service():
    (service,) = made(RAY)
    assert (service.metadata.namespace, service.metadata.name) == ("models", "gemma-serve-svc")
    assert [port.port for port in service.spec.ports] == [8000]
    assert service.spec.selector["modelyard.dev/ray-service"] == "gemma"
    assert service.origin.source == "a.yaml"


def test_one_that_the_manifests_have_is_left_alone():
    assert made(RAY + OWN) == []


def test_a_custom_service_gives_name_and_ports_but_no_selector():
    custom = (
        RAY + "  serveService: {metadata: {name: mine}, spec: {selector: {a: b}, ports: [{name: http, port: 80}]}}\n"
    )
    (service,) = made(custom)
    assert service.metadata.name == "mine"
    assert [(port.port, port.target_port) for port in service.spec.ports] == [(80, 8000)]
    assert "a" not in service.spec.selector
