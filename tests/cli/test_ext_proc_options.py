from __future__ import annotations

import pytest
import typer

from modelyard.cli.ext_proc_options import default_host, drain_delay, seconds, tls_minimum

POD = "KUBERNETES_SERVICE_HOST"


@pytest.mark.parametrize(("text", "value"), [("30s", 30.0), ("1m30s", 90.0), ("30", 30.0), ("0.5", 0.5), ("0", 0.0)])
def test_durations_are_gos_or_seconds(text: str, value: float) -> None:
    assert seconds("--drain-timeout", text) == value


def test_what_is_no_duration_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        seconds("--drain-timeout", "soon")
    assert "--drain-timeout: 'soon'" in capsys.readouterr().err


def test_a_pod_serves_its_network_and_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(POD, raising=False)
    assert (default_host(), drain_delay("")) == ("127.0.0.1", 0.0)
    monkeypatch.setenv(POD, "10.0.0.1")
    assert (default_host(), drain_delay("")) == ("0.0.0.0", 5.0)
    assert drain_delay("0s") == 0.0


def test_versions_of_tls_in_gos_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert [tls_minimum(f"VersionTLS1{number}") for number in (2, 3)] == ["TLSv1.2", "TLSv1.3"]
    assert tls_minimum("VersionTLS10") == "TLSv1.2"
    assert "TLS 1.2 and later" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        tls_minimum("TLS1.2")
    assert "VersionTLS13" in capsys.readouterr().err
