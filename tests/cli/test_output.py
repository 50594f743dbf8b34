from __future__ import annotations

import os
import subprocess
import sys

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


@pytest.mark.parametrize("line", ["console.print('a')", "errors.print('a')", "print_event('a', {})"])
def test_a_program_that_nobody_reads_goes_on(line: str) -> None:
    code = f"from modelyard.cli.output import console, errors, print_event\nfor _ in range(3): {line}"
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=writing, check=False)
    finally:
        os.close(writing)
    assert ended.returncode == 0
