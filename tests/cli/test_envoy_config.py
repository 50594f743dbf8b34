"""``modelyard envoy-config``: what it prints, writes, remarks and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
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


def test_it_is_for_linux_unless_told_otherwise(manifests: str) -> None:
    assert run("-f", manifests)[1].count("socket_options:") == 1
    code, out, _ = run("-f", manifests, "--no-linux")
    assert (code, out.count("socket_options:")) == (0, 0)


def test_prints_a_bootstrap_and_says_what_is_missing(manifests: str) -> None:
    code, out, err = run("-f", manifests)
    assert code == 0
    config = yaml.safe_load(out)
    assert config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] == 8080
    assert "admin" not in config
    assert out.startswith("# ")
    assert "no endpoint of InferencePool/default/llm is known: give --endpoint llm=IP:PORT" in " ".join(err.split())
    assert "next:" not in err


def test_endpoints_picker_and_addresses_from_options(manifests: str, tmp_path: Path) -> None:
    target = tmp_path / "envoy.yaml"
    options = ("--endpoint", "llm=192.0.2.1:8000,192.0.2.2:8000", "--picker", "192.0.2.9:9002", "--port", "80=8888")
    code, out, err = run("-f", manifests, *options, "--admin", "127.0.0.1:9901", "--output", str(target))
    assert (code, out) == (0, "")
    lines = [line.strip() for line in err.splitlines()]
    assert lines == [
        f"written: {target} (listens on 127.0.0.1:8888)",
        "next:",
        f"modelyard epp -f {manifests} --endpoint llm=192.0.2.1:8000,192.0.2.2:8000 --bind 0.0.0.0"
        " --no-secure-serving  # at 192.0.2.9",
        f"envoy -c {target}",
    ]
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
        (("--endpoint", "1.2.3.4:1"), 2, "[NAMESPACE/]NAME=IP:PORT"),
        (("--endpoint", "other=1.2.3.4:1"), 2, "the manifests have nothing of that name; there is: llm"),
        (("--endpoint", "llm=host:1"), 2, "'host:1' is not IP:PORT"),
        (("--admin", "127.0.0.1:8080"), 2, "the listener of Gateway default/gw:80 and --admin are both 127.0.0.1:8080"),
        (("--port", "80=9002"), 2, "and --picker are both 127.0.0.1:9002"),
        (("-o", "json"), 2, "No such option: -o"),
        (("--output", "/nope/x.yaml"), 2, "there is no folder /nope"),
        (("--output", "/tmp"), 2, "is a folder"),
        (("--gateway-class", "other"), 3, "no Gateway is of class other; there is modelyard"),
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
    assert "no Gateway and no HTTPRoute" in err
    assert "Add a Gateway, and an HTTPRoute that leads to a pool" in err
    assert "modelyard check" not in err


def test_what_changes_nothing_or_leads_nowhere_is_remarked(manifests: str) -> None:
    Path(manifests).write_text(MANIFESTS.replace("name: llm}]", "name: nope}]"))
    code, _, err = run("-f", manifests, "--port", "81=9000", "--picker", "127.0.0.1:9004")
    told = " ".join(err.split())
    assert code == 0
    assert "--port 81=9000 changes nothing: no listener has port 81; there is 80." in told
    assert "HTTPRoute default/route, rule 0: InferencePool/default/nope does not exist; its requests get 500." in told


def test_a_gateway_that_no_route_is_attached_to(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(MANIFESTS.partition("---")[0])
    code, _, err = run("-f", str(path))
    assert (code, "no HTTPRoute is attached" in err) == (0, True)


TO_SERVICE = MANIFESTS.replace(
    "{group: inference.networking.k8s.io, kind: InferencePool, name: llm}", "{name: web, port: 80}"
)
WEB = """---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def test_endpoints_of_a_service(manifests: str, tmp_path: Path) -> None:
    Path(manifests).write_text(TO_SERVICE + WEB)
    _, _, err = run("-f", manifests)
    assert "no endpoint of Service/default/web:80 is known: give --endpoint web:80=IP:PORT" in " ".join(err.split())
    target = tmp_path / "envoy.yaml"
    code, _, err = run("-f", manifests, "--endpoint", "web:80=192.0.2.7:8080", "--output", str(target))
    assert (code, "192.0.2.7" in target.read_text()) == (0, True)
    assert [line.strip() for line in err.splitlines()][-2:] == ["next:", f"envoy -c {target}"]


def test_endpoints_are_beside_those_of_the_manifests(manifests: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "llm-0", "labels": {"app": "llm"}},
        "status": {"podIP": "192.0.2.5", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    Path(manifests).write_text(MANIFESTS + "---\n" + yaml.safe_dump(pod))
    _, out, _ = run("-f", manifests, "--endpoint", "llm=192.0.2.6:8000,192.0.2.5:8000")
    (cluster, *_) = yaml.safe_load(out)["static_resources"]["clusters"]
    (locality,) = cluster["load_assignment"]["endpoints"]
    found = [item["endpoint"]["address"]["socket_address"]["address"] for item in locality["lb_endpoints"]]
    assert found == ["192.0.2.5", "192.0.2.6"]


@pytest.fixture
def over_tls(manifests: str) -> str:
    issued = trustme.CA().issue_cert("a.test")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cert"},
        "type": "kubernetes.io/tls",
        "stringData": {
            "tls.crt": issued.cert_chain_pems[0].bytes().decode(),
            "tls.key": issued.private_key_pem.bytes().decode(),
        },
    }
    tls = "{name: http, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}"
    text = MANIFESTS.replace("{name: http, port: 80, protocol: HTTP}", tls)
    Path(manifests).write_text(text + "---\n" + yaml.safe_dump(secret))
    return manifests


def test_private_keys_are_not_written_without_a_word(over_tls: str, tmp_path: Path) -> None:
    code, _, err = run("-f", over_tls, "--output", str(tmp_path / "envoy.yaml"))
    (key,) = (tmp_path / "certificates").glob("*.key")
    assert (code, key.stat().st_mode & 0o777) == (0, 0o600)
    assert f"written: {key} (private key, mode 0600" in " ".join(err.split())


def test_private_keys_need_a_place_where_it_is_printed(
    over_tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    code, out, err = run("-f", over_tls)
    assert (code, out, list(empty.iterdir())) == (2, "", [])
    assert "--certificates DIR" in err
    code, out, err = run("-f", over_tls, "--certificates", "keys")
    (key,) = (empty / "keys").glob("*.key")
    assert (code, str(key) in " ".join(err.split()), str(key) in out) == (0, True, True)
