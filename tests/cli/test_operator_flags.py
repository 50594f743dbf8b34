from __future__ import annotations

import pytest
from typer.main import get_command

from modelyard.cli import operator_flags
from modelyard.cli.commands import application
from modelyard.cli.go_flags import Foreign, Spelling, own_spelling


@pytest.mark.parametrize(("command", "foreign"), [("epp", operator_flags.PICKER), ("bbr", operator_flags.ROUTER)])
def test_no_flag_is_both_known_and_foreign(command: str, foreign: dict[str, Foreign]) -> None:
    own = {
        name.lstrip("-")
        for parameter in get_command(application()).commands[command].params  # type: ignore[attr-defined]
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert own & foreign.keys() == set()


def test_flags_of_version_0_3_that_name_the_pick_say_so_where_they_differ(capsys: pytest.CaptureFixture[str]) -> None:
    spelling = Spelling(known=(), short=(), switches={}, foreign=operator_flags.PICKER)
    usual = ["-destinationEndpointHintKey", "x-gateway-destination-endpoint"]
    usual += ["-DestinationEndpointHintMetadataNamespace", "envoy.lb"]
    assert own_spelling(usual, spelling) == []
    assert capsys.readouterr().err == ""
    assert own_spelling(["-destinationEndpointHintKey=x-mine"], spelling) == []
    assert "picks are named x-gateway-destination-endpoint" in capsys.readouterr().err
