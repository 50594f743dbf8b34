from __future__ import annotations

import pytest

from modelyard.findings.pod_lifecycle import grace_and_sleep, service_links
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

TEXT = """
apiVersion: v1
kind: Service
metadata: {name: SERVICE}
spec: {selector: {app: m}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: m}
spec:
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      enableServiceLinks: LINKS
      terminationGracePeriodSeconds: 30
      containers:
      - name: c
        image: vllm/vllm-openai:v0.32.0
        lifecycle: {preStop: {sleep: {seconds: SLEEP}}}
"""


def resources(*, service: str = "vllm", links: str = "true", sleep: int = 5) -> ResourceSet:
    text = TEXT.replace("SERVICE", service).replace("LINKS", links).replace("SLEEP", str(sleep))
    loaded = load_documents(text, source="m.yaml")
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def test_a_service_called_vllm_breaks_vllm() -> None:
    (found,) = service_links(resources())
    assert found.object == "Deployment default/m"
    assert "VLLM_PORT" in found.message
    assert list(service_links(resources(links="false"))) == []
    assert list(service_links(resources(service="vllm-openai"))) == []


@pytest.mark.parametrize(("sleep", "remarks"), [(29, 0), (30, 1), (60, 1)])
def test_a_sleep_as_long_as_the_grace(sleep: int, remarks: int) -> None:
    found = list(grace_and_sleep(resources(sleep=sleep)))
    assert len(found) == remarks
    assert all(one.check == "grace-and-sleep" for one in found)
