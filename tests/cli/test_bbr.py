from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelyard.cli.commands import application


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--grpc-port", "9005"], 2, "must differ"),
        (["--plugin", "default-bbr:x"], 2, "is no plugin of the body-based router"),
        (["--plugin", "body-field-to-header:x:{}"], 2, "is required"),
        (["--plugin", "body-field-to-header"], 2, "TYPE:NAME"),
        (["-f", "/does/not/exist.yaml"], 3, "exist.yaml"),
        (["--pool-name", "x"], 2, "No such option"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    result = CliRunner().invoke(application(), ["bbr", "--home", str(tmp_path), *arguments])
    assert told in " ".join(result.stderr.split())
    assert result.exit_code == code


def test_help_shows_the_flags_of_the_original() -> None:
    helped = CliRunner().invoke(application(), ["bbr", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    for flag in ("plugin", "streaming", "grpc-port", "grpc-health-port", "metrics-port", "secure-serving", "cert-path"):
        assert f"--{flag}" in helped
