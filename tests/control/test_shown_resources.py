from __future__ import annotations

import json

import pytest

from modelyard.admin.source import UnknownKind
from modelyard.control.shown_resources import shown_resources
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

SECRET = """
apiVersion: v1
kind: Secret
metadata:
  name: key
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"kind": "Secret", "stringData": {"token": "marker-value"}}'
    owner: platform
stringData: {token: marker-value}
data: {other: bWFya2VyLXZhbHVl}
"""


def resources() -> ResourceSet:
    loaded = load_documents(SECRET, "secret.yaml")
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def test_no_value_of_a_secret_is_shown_wherever_the_object_repeats_it() -> None:
    objects = resources()
    shown = shown_resources(objects, build_snapshot(objects).compiled.statuses, "now", kind="secret")
    text = json.dumps(shown, default=str)
    assert "marker-value" not in text
    assert "bWFya2VyLXZhbHVl" not in text
    assert "token" in shown[0].get("stringData", {}) or "token" in shown[0].get("data", {})
    assert shown[0]["metadata"]["annotations"]["owner"] == "platform"


def test_an_unknown_kind_is_named() -> None:
    objects = resources()
    with pytest.raises(UnknownKind, match="Banana"):
        shown_resources(objects, build_snapshot(objects).compiled.statuses, "now", kind="Banana")
