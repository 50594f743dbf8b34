"""``modelyard bbr``: plugins, ConfigMaps that come and go, health, metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SERVING, RunningProcess, body, headers, set_headers, status, until

pytestmark = pytest.mark.integration

Start = Callable[..., RunningProcess]

VALUES = """
bbr:
  plugins:
    - type: "body-field-to-header"
      name: "openai-model-extractor"
      json:
        field_name: "model"
        header_name: "X-Gateway-Model-Name"
"""
ADAPTERS = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  labels: {{inference.networking.k8s.io/bbr-managed: "true"}}
data:
  baseModel: {base}
  adapters: |
    - {adapter}
---
"""
MODEL, BASE = "x-gateway-model-name", "x-gateway-base-model-name"


def routed(bbr: RunningProcess, content: bytes, **client: str) -> dict[str, str]:
    return set_headers(bbr.process(headers(**client), body(content)))


def test_the_model_becomes_a_header(start: Start) -> None:
    bbr = start("bbr")
    assert routed(bbr, b'{"model": "llama"}')[MODEL] == "llama"
    assert MODEL not in routed(bbr, b'{"prompt": "x"}')
    assert status(bbr.process(headers(), body(b"no json"))) == 0
    assert bbr.health("readiness") == bbr.health() == SERVING
    until(lambda: "bbr_success_total 1" in bbr.get("/metrics"), "the request is counted")
    assert json.loads(bbr.get("/readyz"))["ready"] is True


def test_the_values_of_the_chart(start: Start, tmp_path: Path) -> None:
    values = tmp_path / "helm-values.yaml"
    values.write_text(VALUES)
    bbr = start("bbr", "-f", str(values), "--streaming", "-v", "5")
    assert routed(bbr, b'{"model": "llama"}', x_gateway_model_name="forged")[MODEL] == "llama"


def test_plugins_of_the_command_line(start: Start) -> None:
    tier = 'body-field-to-header:tier:{"fieldName": "service_tier", "headerName": "X-Tier"}'
    model = 'body-field-to-header:model:{"field_name": "model", "header_name": "X-Model"}'
    bbr = start("bbr", "--plugin", tier, "--plugin", model)
    found = routed(bbr, b'{"model": "llama", "service_tier": "gold"}')
    assert (found["x-tier"], found["x-model"]) == ("gold", "llama")
    assert MODEL not in found


def test_an_adapter_mapping_comes_and_goes(start: Start, tmp_path: Path) -> None:
    """A ConfigMap that is removed is honoured: its adapters have no base any more."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    (folder / "a.yaml").write_text(ADAPTERS.format(name="a", base="llama", adapter="sql"))
    bbr = start("bbr", "-f", str(folder))
    assert routed(bbr, b'{"model": "sql"}')[BASE] == "llama"
    (folder / "b.yaml").write_text(ADAPTERS.format(name="b", base="gemma", adapter="poems"))
    until(lambda: routed(bbr, b'{"model": "poems"}').get(BASE) == "gemma", "the new adapter is known")
    (folder / "a.yaml").unlink()
    until(lambda: not routed(bbr, b'{"model": "sql"}').get(BASE), "the removed adapter is forgotten")
    assert routed(bbr, b'{"model": "poems"}')[BASE] == "gemma"


def test_a_wrong_adapter_map_is_told_and_the_others_count(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ADAPTERS.format(name="a", base="llama", adapter="sql"))
    (tmp_path / "b.yaml").write_text(ADAPTERS.format(name="b", base='""', adapter="orphan"))
    bbr = start("bbr", "-f", str(tmp_path))
    assert routed(bbr, b'{"model": "sql"}')[BASE] == "llama"
    assert BASE not in routed(bbr, b'{"model": "orphan"}')
    until(lambda: "ConfigMap default/b: data.baseModel: is missing" in bbr.log(), "the fault is told")


def test_plugins_and_lacking_fields_are_counted(start: Start) -> None:
    bbr = start("bbr", "--plugin", 'body-field-to-header:tier:{"fieldName": "tier", "headerName": "X-Tier"}')
    routed(bbr, b'{"model": "llama"}')
    routed(bbr, b'{"tier": ""}')
    until(lambda: 'bbr_body_field_empty_total{field="tier"} 1' in bbr.get("/metrics"), "the empty field is counted")
    page = bbr.get("/metrics")
    assert 'bbr_body_field_not_found_total{field="tier"} 1' in page
    labels = 'extension_point="request",plugin_type="body-field-to-header",plugin_name="tier"'
    assert f"bbr_plugin_duration_seconds_count{{{labels}}} 2" in page
