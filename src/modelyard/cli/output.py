"""How subcommands speak: text for people (colour only on a terminal), JSON for programs, errors on standard error."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from typing import IO, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modelyard.cli.exit_codes import ExitCode


class Output(StrEnum):
    """``--output``."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print: for people, or JSON for programs.")]

_PIPE_WIDTH = 200
"""Columns of a table in a pipe or a file, where nothing says how wide the reader's window is."""


def _unread(stream: IO[str]) -> None:
    """Nobody reads ``stream`` any more: what is still written to it goes nowhere. A server that says what it does goes
    on, and ends as it would have ended."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        _unread(self.file)


def _console(*, stderr: bool) -> Console:
    """Without emoji: text with ``:x:`` in it, as a plugin's name has, is shown as it is."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal else _PIPE_WIDTH
    return _Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False, width=width)


console = _console(stderr=False)
errors = _console(stderr=True)


def print_event(event: str, fields: dict[str, Any]) -> None:
    """One line of JSON on standard output, of a program that goes on whether it is read or not."""
    try:
        sys.stdout.write(json.dumps({"event": event, **fields}, default=str) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _unread(sys.stdout)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def fail(message: str, code: ExitCode = ExitCode.FAILED, *, next_step: str = "") -> NoReturn:
    """Say what is wrong and what to do next on standard error, and end."""
    errors.print(Text.assemble(("error:", "bold red"), " ", message))
    if next_step:
        errors.print(Text("  " + next_step))
    raise typer.Exit(code)


def warn(message: str) -> None:
    """A warning on standard error."""
    errors.print(Text.assemble(("warning:", "yellow"), " ", message))


def table(*columns: str) -> Table:
    """A plain table."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def age(seconds: float) -> str:
    """A duration as people read it: ``4s``, ``3m12s``, ``2h05m``, ``3d4h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"
