"""Manifests and settings that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelyard.control.ext_proc.settings import ExtProcSettings, Role
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

POOLS = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: chat}
spec:
  selector: {matchLabels: {app: chat}}
  targetPorts: [{number: 8000}, {number: 8001}]
  endpointPickerRef: {name: chat-epp, port: {number: 9002}, failureMode: FailOpen}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: code, namespace: dev}
spec:
  selector: {matchLabels: {app: code}}
  targetPorts: [{number: 8000}]
"""


def resources_of(text: str, source: str = "test.yaml") -> ResourceSet:
    loaded = load_documents(text, source)
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def settings_of(role: Role = Role.PICKER, **fields: Any) -> ExtProcSettings:
    return ExtProcSettings(role=role, socket_path=Path("/nowhere"), **fields)
