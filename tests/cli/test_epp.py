from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from modelyard.cli.commands import application
from modelyard.worker.listening_socket import listening_socket

POOLS = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: chat}
spec: {selector: {matchLabels: {app: chat}}, targetPorts: [{number: 8000}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: code}
spec: {selector: {matchLabels: {app: code}}, targetPorts: [{number: 8000}]}
"""
CONFIG = """
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: latency-scorer}, {type: queue-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: latency-scorer}]}]
"""


def run(tmp_path: Path, *arguments: str, command: str = "epp") -> Result:
    return CliRunner().invoke(application(), [command, "--home", str(tmp_path), *arguments])


def told_by(result: Result) -> str:
    return " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ("", 2, "--endpoint IP:PORT"),
        ("--endpoint localhost:8000", 2, "never host names"),
        ("--endpoint 127.0.0.1:1 --grpc-port 9 --metrics-port 9", 2, "must differ"),
        ("--pool-name p", 3, "no InferencePool default/p"),
        ("--endpoint 127.0.0.1:1 --refresh-metrics-interval 1ms", 2, "50ms"),
        ("--endpoint 127.0.0.1:1 --refresh-metrics-interval soon", 2, "is not a duration"),
        ("--endpoint 127.0.0.1:1 --drain-timeout x", 2, "--drain-timeout: 'x' is not a duration"),
        ("--endpoint 127.0.0.1:1 --workers none", 2, "--workers 'none'"),
        ("--endpoint 127.0.0.1:1 --bind localhost", 2, "give an IP address"),
        (
            "--endpoint 127.0.0.1:1 --bind 192.0.2.1 --grpc-port 0",
            1,
            "--bind: 192.0.2.1 cannot be bound: Cannot assign",
        ),
        ("--endpoint 127.0.0.1:1 --grpc-port 0 --admin 192.0.2.1:0", 1, "--admin: 192.0.2.1 cannot be bound"),
        ("--endpoint 127.0.0.1:1 --grpc-port 0 --cert-path /does/not/exist", 3, "tls.crt: No such file"),
        ("--endpoint 127.0.0.1:1 --no-secure-serving --cert-path /tmp", 2, "--secure-serving"),
        ("--endpoint 127.0.0.1:1 --ha-enable-leader-election --grpc-port 9 --metrics-port 9", 2, "there is no leader"),
        ("--endpoint 127.0.0.1:1 --config-text {}", 3, "--config-text"),
        ("--endpoint 127.0.0.1:1 --config-text {} --config-file x", 2, "not both"),
        ("--endpoint-selector app --endpoint-target-ports 8000", 2, "KEY=VALUE"),
        ("--endpoint-selector app=x --endpoint-target-ports 0", 2, "port numbers"),
        ("-poolNam p", 2, "No such option: --poolNam"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, arguments: str, code: int, told: str) -> None:
    result = run(tmp_path, *arguments.split())
    assert told in told_by(result)
    assert result.exit_code == code


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with listening_socket("127.0.0.1", 0, reuse_port=False) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        for flag in ("--metrics-port", "--grpc-port"):
            others = {"--metrics-port", "--grpc-port", "--grpc-health-port"} - {flag}
            free = [word for other in others for word in (other, "0")]
            result = run(tmp_path, "--endpoint", "127.0.0.1:1", flag, port, *free)
            assert (result.exit_code, f"{flag}: 127.0.0.1:{port} is taken" in told_by(result)) == (5, True)


def test_unknown_plugins_are_refused_by_name(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    result = run(tmp_path, "--endpoint", "127.0.0.1:1", "--config-file", str(config))
    assert result.exit_code == 3
    for word in ("latency-scorer", "not implemented here", "kv-cache-utilization-scorer", str(config)):
        assert word in told_by(result)


def test_a_file_without_a_config_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(POOLS)
    result = run(tmp_path, "--config-file", str(config))
    assert (result.exit_code, "has no EndpointPickerConfig" in told_by(result)) == (3, True)


def test_addresses_need_one_pool(tmp_path: Path) -> None:
    pools = tmp_path / "pools.yaml"
    pools.write_text(POOLS)
    result = run(tmp_path, "-f", str(pools), "--endpoint", "127.0.0.1:1")
    assert (result.exit_code, "several InferencePools" in told_by(result)) == (2, True)
    result = run(tmp_path, "-f", str(pools), "--pool-name", "x")
    assert "there is: default/chat, default/code" in told_by(result)


def test_help_shows_the_flags_of_the_original() -> None:
    helped = CliRunner().invoke(application(), ["epp", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    flags = (
        "pool-name",
        "pool-namespace",
        "grpc-port",
        "grpc-health-port",
        "metrics-port",
        "config-file",
        "config-text",
    )
    for flag in (*flags, "secure-serving", "cert-path", "v"):
        assert f"--{flag}" in helped
    assert "modelyard epp -f manifests/" in helped
