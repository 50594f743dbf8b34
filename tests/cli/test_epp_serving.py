from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from modelyard.cli.epp_serving import CONFIG_TEXT, Asked, FailureMode, serving_of
from modelyard.control.ext_proc.settings import ExtProcSettings, Role

POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: chat, namespace: prod}
spec: {selector: {matchLabels: {app: chat}}, targetPorts: [{number: 8000}]}
---
"""
CONFIG = {"apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig", "plugins": [{"type": "queue-scorer"}]}


@pytest.fixture
def pools(tmp_path: Path) -> Path:
    path = tmp_path / "pools.yaml"
    path.write_text(POOL)
    return path


def test_addresses_alone_make_a_pool() -> None:
    serving = serving_of(Asked(endpoints=("127.0.0.1:1,127.0.0.1:2",), failure_mode=FailureMode.OPEN, port=9))
    assert serving.pool == ("default", "endpoints")
    assert serving.added_pool is not None
    reference = serving.added_pool.spec.endpoint_picker_ref
    assert reference is not None
    assert (reference.failure_mode, reference.port and reference.port.number) == ("FailOpen", 9)
    assert serving.addresses == ("127.0.0.1:1", "127.0.0.1:2")


def test_addresses_join_the_only_pool_of_the_manifests(pools: Path) -> None:
    serving = serving_of(Asked(files=(pools,), endpoints=("127.0.0.1:1",)))
    assert (serving.pool, serving.added_pool) == (("prod", "chat"), None)


def test_manifests_alone_serve_every_pool(pools: Path) -> None:
    serving = serving_of(Asked(files=(pools,)))
    assert (serving.pool, serving.added_pool, serving.paths) == (None, None, (pools,))


def test_a_pool_of_labels() -> None:
    asked = Asked(pool_name="p", selector="app=vllm, role==decode", target_ports="8000,8001")
    pool = serving_of(asked).added_pool
    assert pool is not None
    assert pool.spec.selector.match_labels == {"app": "vllm", "role": "decode"}
    assert [port.number for port in pool.spec.target_ports] == [8000, 8001]


def test_a_config_as_text(pools: Path) -> None:
    serving = serving_of(Asked(files=(pools,), config_text=json.dumps(CONFIG)))
    assert serving.config_source == CONFIG_TEXT
    assert serving.piped is not None
    assert len(serving.read.resource_set.endpoint_picker_configs) == 1


def test_discovery_is_a_source(tmp_path: Path) -> None:
    endpoints = tmp_path / "endpoints.yaml"
    endpoints.write_text("endpoints: [{name: a, address: 10.0.0.1, port: '1'}, {name: b}]")
    plugins: list[dict[str, Any]] = [
        {"type": "queue-scorer"},
        {"type": "file-discovery", "parameters": {"path": str(endpoints)}},
    ]
    config = {**CONFIG, "plugins": plugins, "dataLayer": {"discovery": {"pluginRef": "file-discovery"}}}
    serving = serving_of(Asked(pool_name="p", config_text=json.dumps(config)))
    settings = ExtProcSettings(
        role=Role.PICKER, socket_path=tmp_path, config_source=serving.config_source, added_pool=serving.added_pool
    )
    sources = serving.sources(settings)
    assert [item.address for source in sources for item in source.latest.endpoints] == ["10.0.0.1:1"]


def test_discovery_that_cannot_be_followed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugins = [{"type": "file-discovery", "parameters": {"path": "relative"}}]
    config = {**CONFIG, "plugins": plugins, "dataLayer": {"discovery": {"pluginRef": "file-discovery"}}}
    serving = serving_of(Asked(pool_name="p", config_text=json.dumps(config)))
    settings = ExtProcSettings(
        role=Role.PICKER, socket_path=tmp_path, config_source=serving.config_source, added_pool=serving.added_pool
    )
    with pytest.raises(typer.Exit):
        serving.sources(settings)
    assert "absolute" in " ".join(capsys.readouterr().err.split())
