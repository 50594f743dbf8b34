from __future__ import annotations

import errno
from pathlib import Path

import pytest
import typer

from modelyard.cli.ext_proc_foreground import Ports, _fail_on_port, socket_path, tls_files
from modelyard.control.ext_proc.ports import PortTaken


def test_a_port_of_zero_is_any_free_one() -> None:
    found = Ports(0, 0, 9090).found("127.0.0.1")
    assert found.metrics == 9090
    assert len({found.grpc, found.health, 0}) == 3


@pytest.mark.parametrize("ports", [Ports(1, 1, 2), Ports(1, 2, 1), Ports(0, 2, 2)])
def test_ports_must_differ(ports: Ports, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        ports.found("127.0.0.1")
    assert "must differ" in capsys.readouterr().err


def test_a_certificate_needs_tls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tls_files(True, None) is None
    found = tls_files(True, tmp_path)
    assert found is not None
    assert (found.certificate, found.key) == (tmp_path / "tls.crt", tmp_path / "tls.key")
    with pytest.raises(typer.Exit):
        tls_files(False, tmp_path)


def test_each_port_has_a_place_of_its_own_that_a_restart_finds_again(tmp_path: Path) -> None:
    first = socket_path("epp", "127.0.0.1", 9002, tmp_path)
    assert first == socket_path("epp", "127.0.0.1", 9002, tmp_path)
    others = {socket_path("bbr", "127.0.0.1", 9002, tmp_path), socket_path("epp", "::1", 9002, tmp_path)}
    assert len({first, *others, socket_path("epp", "127.0.0.1", 9003, tmp_path)}) == 4


@pytest.mark.parametrize("flag", ["--grpc-port", "--grpc-health-port", "--metrics-port", "--admin"])
def test_a_port_that_is_taken_is_told_by_its_flag(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        _fail_on_port(PortTaken(("127.0.0.1", 9090), OSError(errno.EADDRINUSE, "Address already in use"), flag))
    assert ended.value.exit_code == 5
    told = capsys.readouterr().err
    assert f"{flag}: 127.0.0.1:9090 is taken" in told
    assert f"another {flag}" in told
