from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from modelyard.cli.commands import application
from modelyard.cli.exit_codes import ExitCode

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: llama}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: llama, port: 8000}]}]
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, protocol: HTTP, port: 80}]
"""
NAMELESS = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {}\n"


def _check(*arguments: str, piped: str | None = None) -> Result:
    return CliRunner().invoke(application(), ["check", *arguments], input=piped)


def test_good_manifests_end_with_0(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    result = _check("-f", str(tmp_path))
    assert result.exit_code == ExitCode.OK
    assert "Accepted=True" in result.output
    assert "1 object in 1 file, 0 errors" in result.output


def test_standard_input_is_one_more_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    result = _check("-f", "-", "-f", str(tmp_path), piped=ROUTE)
    assert result.exit_code == ExitCode.INVALID
    assert "BackendNotFound" in result.output
    assert "2 objects in 2 files, 0 errors" in result.output


def test_errors_name_standard_input() -> None:
    result = _check("-f", "-", piped=GATEWAY.replace("protocol", "protocl"))
    assert result.exit_code == ExitCode.INVALID
    assert "did you mean 'protocol'?" in result.output
    assert "0 objects in 1 file" in result.output


def test_what_is_not_used_needs_no_name() -> None:
    result = _check("-f", "-", piped=f"{GATEWAY}\n---\n{NAMELESS}")
    assert result.exit_code == ExitCode.OK
    assert "not used: PersistentVolumeClaim default/" in result.output


def test_json_has_the_same() -> None:
    result = _check("-f", "-", "--output", "json", piped=f"{GATEWAY}\n---\n{ROUTE}\n---\n{NAMELESS}")
    found = json.loads(result.stdout)
    assert found["errors"] == []
    assert {row["reason"] for row in found["conditions"] if row["status"] == "False"} == {"BackendNotFound"}
    assert len(found["notUsed"]) == 1


def test_without_a_file_the_command_line_is_wrong() -> None:
    assert _check().exit_code == ExitCode.USAGE


def test_a_wrong_adapter_map_is_a_problem(tmp_path: Path) -> None:
    labels = 'labels: {inference.networking.k8s.io/bbr-managed: "true"}'
    (tmp_path / "adapters.yaml").write_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, {labels}}}\ndata: {{adapters: '- x'}}\n"
    )
    result = _check("-f", str(tmp_path))
    assert result.exit_code == ExitCode.INVALID
    assert "adapters.yaml:1: document 1: ConfigMap default/a: data.baseModel: is missing" in result.output.replace(
        "\n", ""
    )
    assert "0 errors, 1 problem" in result.output
