"""``modelyard logs``: what a replica printed."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.cli.running_yard import HomeOption
from modelyard.local.home import Home

_POLL_SECONDS = 0.25
_OWN_QUESTION = re.compile(rb'"GET (/metrics|/health|/-/healthz) HTTP/1\.[01]" 200')
"""A line that a server wrote because Modelyard asked it how it is: one a second, and of no use to anybody."""


def logs(
    name: Annotated[
        str,
        typer.Argument(help="Replica (as in `modelyard ps`), `access` for the access log, or part of a name."),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing as the log grows.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to print first.")
    ] = 200,
    probes: Annotated[
        bool, typer.Option("--probes", help="Also the lines about Modelyard's own checks and metrics readings.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Print the log of one replica or Ray cluster, also after it has stopped.

    Examples:

      modelyard logs demo-llama-0

      modelyard logs -f access
    """
    path = _find(Home.at(home), name)
    with path.open("rb") as log:
        for line in deque((line for line in log if probes or not _OWN_QUESTION.search(line)), maxlen=lines):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
        if follow:
            _follow(path, log.tell(), probes)


def _find(home: Home, name: str) -> Path:
    wanted = name.replace("/", "_")
    logs_ = sorted(home.logs.glob("*.log")) if home.logs.is_dir() else []
    exact = [path for path in logs_ if path.stem == wanted or path.stem.endswith(f"_{wanted}")]
    found = exact or [path for path in logs_ if wanted in path.stem]
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.stem.replace("_", "/", 1) for path in (found or logs_))
    if found:
        fail(f"{name!r} fits several logs: {names}", ExitCode.USAGE)
    fail(
        f"there is no log of {name!r} in {home.logs}.",
        ExitCode.NOT_RUNNING,
        next_step=f"There are: {names or 'none'}",
    )


def _follow(path: Path, position: int, probes: bool) -> None:
    """Print what is appended; a rotated or truncated file is read from its start. Ends with Ctrl-C."""
    while True:
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size < position:
            position = 0
        if size > position:
            with path.open("rb") as log:
                log.seek(position)
                data = log.read()
            position += len(data)
            for line in data.splitlines(keepends=True):
                if probes or not _OWN_QUESTION.search(line):
                    sys.stdout.buffer.write(line)
            sys.stdout.flush()
        time.sleep(_POLL_SECONDS)
