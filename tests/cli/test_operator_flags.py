from __future__ import annotations

import pytest
from typer.main import get_command

from modelyard.cli import operator_flags
from modelyard.cli.commands import application
from modelyard.cli.go_flags import Foreign


@pytest.mark.parametrize(("command", "foreign"), [("epp", operator_flags.PICKER), ("bbr", operator_flags.ROUTER)])
def test_no_flag_is_both_known_and_foreign(command: str, foreign: dict[str, Foreign]) -> None:
    own = {
        name.lstrip("-")
        for parameter in get_command(application()).commands[command].params  # type: ignore[attr-defined]
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert own & foreign.keys() == set()
