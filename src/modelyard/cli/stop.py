"""``modelyard stop``: end a running yard."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, fail, print_json, warn
from modelyard.cli.running_yard import HomeOption, running_yard
from modelyard.control.left_behind import end_left_behind, running_beside
from modelyard.control.worker_socket import default_socket_path
from modelyard.control.yard_file import in_use, only_yard
from modelyard.local.home import Home

_POLL_SECONDS = 0.1
_WORKERS_DRAIN = 30.0
"""Seconds for open requests of workers that nobody looks after."""


def stop(
    home: HomeOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the drain before giving up.", min=0)] = 120.0,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop the running yard: open requests finish (within its drain time), replicas stop, nothing is left behind.

    Where none runs: end the workers that serve on since the process that started them (up, epp, bbr) was killed.

    Example:

      modelyard stop
    """
    place = Home.at(home)
    if not in_use(place) and _end_left_behind(place, timeout, output):
        return
    yard = running_yard(home)
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(yard.pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not in_use(place):
            if output is Output.JSON:
                print_json({"stopped": True, "pid": yard.pid})
            else:
                console.print("stopped")
            return
        time.sleep(_POLL_SECONDS)
    fail(
        f"the yard (process {yard.pid}) is still draining after {timeout:g} s.",
        ExitCode.FAILED,
        next_step="Wait longer (--timeout), or send it SIGTERM again to end open requests at once.",
    )


def _end_left_behind(place: Home, timeout: float, output: Output) -> bool:
    """End workers that no process looks after; False: there are none."""
    folder = place.root / "run"
    sockets = [path for path in {*folder.glob("*.sock"), default_socket_path(place.root)} if path.exists()]
    ended = []
    if sockets:
        with only_yard(place):
            ended = asyncio.run(end_left_behind(sorted(sockets), min(timeout, _WORKERS_DRAIN), timeout))
    if not ended:
        for other in running_beside(folder):
            warn(f"{other.of} runs (process {other.pid}); stop it with: kill {other.pid}")
        return False
    if output is Output.JSON:
        print_json({"stopped": True, "leftBehind": [{"pid": one.pid, "of": one.of} for one in ended]})
        return True
    for one in ended:
        console.print(f"stopped process {one.pid}, which served on for {one.of} after that was killed")
    return True
