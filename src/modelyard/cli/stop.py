"""``modelyard stop``: end a running yard."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, fail, print_json
from modelyard.cli.running_yard import HomeOption, running_yard
from modelyard.control.yard_file import in_use
from modelyard.local.home import Home

_POLL_SECONDS = 0.1


def stop(
    home: HomeOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the drain before giving up.", min=0)] = 120.0,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop the running yard: open requests finish (within its drain time), replicas stop, nothing is left behind.

    Example:

      modelyard stop
    """
    yard, place = running_yard(home), Home.at(home)
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
