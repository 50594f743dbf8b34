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
        lifecycle: {preStop: HOOK}
"""


def resources(*, service: str = "vllm", links: str = "true", hook: str = "{sleep: {seconds: 5}}") -> ResourceSet:
    text = TEXT.replace("SERVICE", service).replace("LINKS", links).replace("HOOK", hook)
    loaded = load_documents(text, source="m.yaml")
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def test_a_service_called_vllm_breaks_vllm() -> None:
    (found,) = service_links(resources())
    assert found.object == "Deployment default/m"
    assert "VLLM_PORT" in found.message
    assert list(service_links(resources(links="false"))) == []
    assert list(service_links(resources(service="vllm-openai"))) == []


@pytest.mark.parametrize(
    ("hook", "slept"),
    [
        ("{sleep: {seconds: 29}}", ""),
        ("{sleep: {seconds: 30}}", "30 s"),
        ("{exec: {command: [sleep, '29']}}", ""),
        ("{exec: {command: [sleep, '60']}}", "60 s"),
        ("{exec: {command: [/bin/sh, -c, sleep 45]}}", "45 s"),
        ("{exec: {command: [/bin/sh, -c, sleep 45; nginx -s quit]}}", ""),
        ("{httpGet: {port: 80}}", ""),
    ],
)
def test_a_sleep_as_long_as_the_grace(hook: str, slept: str) -> None:
    found = list(grace_and_sleep(resources(hook=hook)))
    assert [one.check for one in found] == (["grace-and-sleep"] if slept else [])
    assert all(f"sleeps {slept} before it stops" in one.message for one in found)
