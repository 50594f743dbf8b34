"""Every configuration is one that Envoy takes: for the examples, for all features, whole and as watched files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import trustme
import yaml
from envoy_setup import modelyard

from modelyard.local.envoy import find_envoy

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(
    path
    for folder in (ROOT / "examples", ROOT / "examples" / "upstream")
    for path in folder.iterdir()
    if path.is_dir() and path.name not in ("upstream", "parallelism")
)
"""Folders that are loaded together (the files of ``parallelism`` are alternatives)."""

FEATURES = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: modelyard
  listeners:
    - {name: http, port: 80, protocol: HTTP}
    - {name: tls, port: 443, protocol: HTTPS, hostname: "*.test", tls: {certificateRefs: [{name: cert}]}}
    - {name: any, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}, failureMode: FailOpen}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.test, "*.b.test"]
  rules:
    - matches:
        - path: {type: RegularExpression, value: "/v[12]/.*"}
          headers: [{name: X-Gateway-Model-Name, type: RegularExpression, value: "llama-.*"}]
          queryParams: [{name: q, type: RegularExpression, value: "a|b"}]
          method: POST
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier: {set: [{name: a, value: "1 %"}], add: [{name: b, value: "2"}], remove: [c]}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}
        - {type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, percent: 10}}
        - {type: CORS, cors: {allowOrigins: ["https://*.c.test"], allowMethods: ["*"], maxAge: 10}}
      timeouts: {request: 10s, backendRequest: 2s}
      retry: {codes: [500, 503], attempts: 2, backoff: 100ms}
      backendRefs:
        - {group: inference.networking.k8s.io, kind: InferencePool, name: llm, weight: 9}
        - name: web
          port: 80
          filters: [{type: URLRewrite, urlRewrite: {hostname: web.test}}]
    - matches: [{path: {value: /api}}]
      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /v1}}}]
      backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llm}]
    - matches: [{path: {type: Exact, value: /old}}]
      filters:
        - type: RequestRedirect
          requestRedirect:
            scheme: https
            hostname: n.test
            port: 8443
            statusCode: 308
            path: {type: ReplaceFullPath, replaceFullPath: /new}
---
"""


def validate(config: Path) -> None:
    found = find_envoy()
    assert found is not None
    command = [found.path, "--mode", "validate", "-c", str(config), "--log-level", "error"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def write(*arguments: str) -> str:
    """``envoy-config``; what it says on standard error."""
    done = subprocess.run(
        modelyard("envoy-config", *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_examples(folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.rglob("*.yaml"))
    if "kind: Gateway\n" not in "".join(path.read_text() for path in files):
        pytest.skip("no Gateway: up puts one in front")
    config = tmp_path / "envoy.yaml"
    write("-f", str(folder), "--output", str(config))
    validate(config)


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    issued = trustme.CA().issue_cert("*.test")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cert"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": chain, "tls.key": issued.private_key_pem.bytes().decode()},
    }
    path = tmp_path_factory.mktemp("features") / "all.yaml"
    path.write_text(FEATURES + yaml.safe_dump(secret))
    return path


@pytest.mark.parametrize(
    "options",
    [
        (),
        (
            "--endpoint",
            "llm=192.0.2.1:8000,192.0.2.2:8000",
            "--count-tokens",
            "--no-pings",
            "--admin",
            "127.0.0.1:9901",
        ),
        ("--picker", "epp.test:9002", "--picker-health-port", "9003", "--router", "192.0.2.9:9004"),
        (
            "--access-log",
            "none",
            "--max-body",
            "1",
            "--http3",
            "--no-answer-heads",
            "--bind",
            "0.0.0.0",
            "--port",
            "443=9443",
        ),
    ],
    ids=["plain", "endpoints", "names", "bounds"],
)
def test_every_feature(features: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    config = tmp_path / "envoy.yaml"
    write("-f", str(features), "--output", str(config), *options)
    validate(config)
    assert "PRIVATE KEY" not in config.read_text()
    keys = list((tmp_path / "certificates").glob("*.key"))
    assert len(keys) == 1
    assert keys[0].stat().st_mode & 0o077 == 0


def test_a_checked_certificate(features: Path, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(str(ca))
    config = tmp_path / "envoy.yaml"
    options = (
        "--picker",
        "epp.test:9002",
        "--picker-ca",
        str(ca),
        "--router",
        "127.0.0.1:9004",
        "--router-ca",
        str(ca),
    )
    write("-f", str(features), "--output", str(config), *options)
    validate(config)


def test_watched_files(features: Path, tmp_path: Path) -> None:
    folder = tmp_path / "envoy"
    write("-f", str(features), "--folder", str(folder))
    validate(folder / "bootstrap.yaml")
