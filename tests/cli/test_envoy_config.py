"""``modelyard envoy-config``: what it prints, writes, remarks and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from modelyard.cli.commands import application

MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llm}]}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> str:
    path = tmp_path / "manifests.yaml"
    path.write_text(MANIFESTS)
    return str(path)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(application(), ["envoy-config", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_prints_a_bootstrap_and_says_what_is_missing(manifests: str) -> None:
    code, out, err = run("-f", manifests)
    assert code == 0
    config = yaml.safe_load(out)
    assert config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] == 8080
    assert "admin" not in config
    assert out.startswith("# ")
    assert "no endpoint of InferencePool/default/llm is known" in err.replace("\n", " ")


def test_endpoints_picker_and_addresses_from_options(manifests: str, tmp_path: Path) -> None:
    target = tmp_path / "envoy.yaml"
    options = ("--endpoint", "llm=192.0.2.1:8000,192.0.2.2:8000", "--picker", "192.0.2.9:9002", "--port", "80=8888")
    code, out, err = run("-f", manifests, *options, "--admin", "127.0.0.1:9901", "--output", str(target))
    assert (code, out, err) == (0, "", "")
    config = yaml.safe_load(target.read_text())
    text = target.read_text()
    assert config["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9901}
    assert config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] == 8888
    assert all(address in text for address in ("192.0.2.1", "192.0.2.2", "192.0.2.9"))


def test_a_picker_that_stands_in(manifests: str) -> None:
    code, out, _ = run("-f", manifests, "--picker", "192.0.2.1:9002, epp-2.test:9012")
    assert code == 0
    clusters = yaml.safe_load(out)["static_resources"]["clusters"]
    [picker] = [item for item in clusters if item["name"] == "modelyard-endpoint-picker"]
    addresses = [
        item["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        for item in picker["load_assignment"]["endpoints"]
    ]
    assert addresses == [{"address": "192.0.2.1", "port_value": 9002}, {"address": "epp-2.test", "port_value": 9012}]
    assert picker["type"] == "STRICT_DNS"


def test_a_folder_of_watched_files(manifests: str, tmp_path: Path) -> None:
    folder = tmp_path / "envoy"
    code, _, _ = run("-f", manifests, "--folder", str(folder))
    assert code == 0
    assert {path.name for path in folder.iterdir()} == {
        "bootstrap.yaml",
        "clusters.json",
        "endpoints_InferencePool_default_llm.json",
        "listeners.json",
        "routes_default_gw_80.json",
    }


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((), 2, "say which manifests"),
        (("--endpoint", "llm"), 2, "[NAMESPACE/]POOL=HOST:PORT"),
        (("--endpoint", "other=1.2.3.4:1"), 2, "there is no InferencePool default/other; there is default/llm"),
        (("--picker", "here"), 2, "--picker 'here': write HOST:PORT"),
        (("--output", "a", "--folder", "b"), 2, "exclude each other"),
    ],
)
def test_what_is_refused(manifests: str, options: tuple[str, ...], code: int, says: str) -> None:
    given = () if not options else ("-f", manifests, *options)
    found, _, err = run(*given)
    assert found == code
    assert says in " ".join(err.split())


def test_manifests_without_a_gateway(tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text(MANIFESTS.rpartition("---")[2])
    code, _, err = run("-f", str(path))
    assert code == 3
    assert "no Gateway" in err
