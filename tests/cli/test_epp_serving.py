from __future__ import annotations

import json
from dataclasses import replace
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
    assert len(serving.added_pools) == 1
    reference = serving.added_pools[0].spec.endpoint_picker_ref
    assert reference is not None
    assert (reference.failure_mode, reference.port and reference.port.number) == ("FailOpen", 9)
    assert serving.addresses == ("127.0.0.1:1", "127.0.0.1:2")


def test_addresses_join_the_only_pool_of_the_manifests(pools: Path) -> None:
    serving = serving_of(Asked(files=(pools,), endpoints=("127.0.0.1:1",)))
    assert (serving.pool, serving.added_pools) == (("prod", "chat"), ())


def test_manifests_alone_serve_every_pool(pools: Path) -> None:
    serving = serving_of(Asked(files=(pools,)))
    assert (serving.pool, serving.added_pools, serving.paths) == (None, (), (pools,))


def test_a_pool_of_labels() -> None:
    asked = Asked(pool_name="p", selector="app=vllm, role==decode", target_ports="8000,8001")
    (pool,) = serving_of(asked).added_pools
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
        role=Role.PICKER, socket_path=tmp_path, config_source=serving.config_source, added_pools=serving.added_pools
    )
    sources = serving.sources(settings)
    assert [item.address for source in sources for item in source.latest.endpoints] == ["10.0.0.1:1"]


def test_discovery_that_cannot_be_followed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugins = [{"type": "file-discovery", "parameters": {"path": "relative"}}]
    config = {**CONFIG, "plugins": plugins, "dataLayer": {"discovery": {"pluginRef": "file-discovery"}}}
    serving = serving_of(Asked(pool_name="p", config_text=json.dumps(config)))
    settings = ExtProcSettings(
        role=Role.PICKER, socket_path=tmp_path, config_source=serving.config_source, added_pools=serving.added_pools
    )
    with pytest.raises(typer.Exit):
        serving.sources(settings)
    assert "absolute" in " ".join(capsys.readouterr().err.split())


MORE_POOLS = POOL + POOL.replace("name: chat", "name: code").replace("namespace: prod", "namespace: default")


def test_addresses_by_the_name_of_their_pool(tmp_path: Path) -> None:
    path = tmp_path / "pools.yaml"
    path.write_text(MORE_POOLS)
    given = ("prod/chat=10.0.0.1:1,10.0.0.2:1", "code=10.0.0.3:1", "prod/chat=10.0.0.4:1")
    serving = serving_of(Asked(files=(path,), endpoints=given))
    assert (serving.pool, serving.added_pools, serving.addresses) == (None, (), ())
    settings = ExtProcSettings(role=Role.PICKER, socket_path=tmp_path, paths=(path,))
    listed = [item for source in serving.sources(settings) for item in source.latest.endpoints]
    assert [(item.pool, item.address) for item in listed] == [
        (("prod", "chat"), "10.0.0.1:1"),
        (("prod", "chat"), "10.0.0.2:1"),
        (("prod", "chat"), "10.0.0.4:1"),
        (("default", "code"), "10.0.0.3:1"),
    ]


def test_names_alone_make_pools() -> None:
    serving = serving_of(Asked(endpoints=("llama=10.0.0.1:1", "dev/alpaca=10.0.0.2:1")))
    assert serving.pool is None
    names = [(pool.metadata.namespace, pool.metadata.name) for pool in serving.added_pools]
    assert names == [("default", "llama"), ("dev", "alpaca")]


def test_a_name_and_pool_name_may_be_the_same() -> None:
    serving = serving_of(Asked(pool_name="p", endpoints=("p=10.0.0.1:1",)))
    assert (serving.pool, len(serving.added_pools)) == (("default", "p"), 1)
    assert serving.named == {("default", "p"): ("10.0.0.1:1",)}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked(endpoints=("typo=10.0.0.1:1",)), "there is: code, prod/chat"),
        (Asked(endpoints=("svc:80=10.0.0.1:1",)), "names a port of a Service"),
        (Asked(endpoints=("code=10.0.0.1:1", "10.0.0.2:1")), "some addresses are of a pool, others of none"),
        (Asked(endpoints=("10.0.0.2:1",)), "Write POOL=IP:PORT (pools: prod/chat, default/code)"),
        (
            Asked(endpoints=("prod/chat=10.0.0.2:1",), pool_name="code"),
            "prod/chat is not served, only default/code is",
        ),
    ],
)
def test_names_that_mean_nothing_are_told(
    asked: Asked, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pools.yaml"
    path.write_text(MORE_POOLS)
    with pytest.raises(typer.Exit):
        serving_of(replace(asked, files=(path,)))
    assert told in " ".join(capsys.readouterr().err.split())


ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""


def test_routes_to_services_need_the_router(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "route.yaml"
    path.write_text(ROUTE)
    with pytest.raises(typer.Exit):
        serving_of(Asked(files=(path,)))
    told = " ".join(capsys.readouterr().err.split())
    assert "the manifests have no InferencePool" in told
    assert "nobody picks for those" in told
    assert "modelyard bbr" in told
