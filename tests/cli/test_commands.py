from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from modelyard.cli.commands import COMMANDS, application

HEAVY = ("modelyard.control.yard.", "modelyard.snapshot", "modelyard.sim", "aiohttp")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_alone_and_among_all(name: str) -> None:
    alone = CliRunner().invoke(application([name]), [name, "--help"])
    assert alone.exit_code == 0
    assert alone.output == CliRunner().invoke(application(), [name, "--help"]).output


def test_a_command_that_only_asks_loads_nothing_that_serves() -> None:
    code = """
import sys
from modelyard.cli import main
sys.argv = ["modelyard", "ps", "--help"]
try:
    main.main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "Show the gateways" in done.stdout
    assert [name for name in done.stderr.split() if f"{name}.".startswith(HEAVY)] == []


@pytest.mark.parametrize(
    ("arguments", "says"), [(["--help"], "envoy-config"), (["pss"], "No such command"), ([], "up")]
)
def test_without_a_command_all_are_known(arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modelyard.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert says in done.stdout + done.stderr
