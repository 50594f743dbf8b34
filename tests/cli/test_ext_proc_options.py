from __future__ import annotations

import pytest
import typer

from modelyard.cli.ext_proc_options import default_host, drain_delay, seconds

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
