from __future__ import annotations

import pytest
import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail, warn

SPELLED = ["body-field-to-header:x:{", "list[str]", "a [red]b[/red] c", "C:\\[red]b[/red]", "[/]", "ends\\"]
"""What people write, and messages repeat."""


@pytest.mark.parametrize("text", SPELLED)
def test_text_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        fail(text, ExitCode.USAGE, next_step=text)
    assert caught.value.exit_code == ExitCode.USAGE
    warn(text)
    assert capsys.readouterr().err == f"error: {text}\n  {text}\nwarning: {text}\n"
