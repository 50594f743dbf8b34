from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelyard.cli.commands import application

LINES = (
    "the engine loads\n"
    '127.0.0.1 - - [21/Nov/2026 14:19:46] "GET /metrics HTTP/1.1" 200 643058\n'
    'INFO: 127.0.0.1:1234 - "GET /health HTTP/1.1" 200 OK\n'
    'INFO: 127.0.0.1:1234 - "GET /health HTTP/1.1" 503 Service Unavailable\n'
    'INFO: 127.0.0.1:1234 - "POST /v1/completions HTTP/1.1" 200 OK\n'
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "default_gemma-1.log").write_text(LINES)
    return tmp_path


def printed(home: Path, *options: str) -> str:
    done = CliRunner().invoke(application(), ["logs", "gemma", "--home", str(home), *options])
    assert done.exit_code == 0, done.output
    return done.output


def test_modelyards_own_questions_are_left_out(home: Path):
    text = printed(home)
    assert "GET /metrics" not in text
    assert "200 OK" in text
    assert "503" in text
    assert "the engine loads" in text


def test_they_can_be_asked_for(home: Path):
    assert printed(home, "--probes") == LINES


def test_lines_are_counted_without_them(home: Path):
    assert "503" in printed(home, "--lines", "2")
