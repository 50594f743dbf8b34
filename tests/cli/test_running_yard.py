from __future__ import annotations

from pathlib import Path

import pytest
import typer

from modelyard.cli.running_yard import admin_at, ask, running_yard
from modelyard.worker.listening_socket import listening_socket


def test_an_admin_address_where_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with listening_socket("127.0.0.1", 0, reuse_port=False) as bound:
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(typer.Exit) as ended:
            ask(admin_at(address), "/api/summary")
    told = capsys.readouterr().err
    assert ended.value.exit_code == 4
    assert f"the admin API at http://{address} cannot be reached: Connection refused." in told
    assert "--admin ADDR:PORT" in told


def test_where_no_yard_runs_a_picker_may(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        running_yard(tmp_path)
    assert "explain --admin ADDR:PORT" in capsys.readouterr().err
