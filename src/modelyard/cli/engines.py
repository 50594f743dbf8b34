"""``modelyard engines``: the model servers that this machine can run."""

from __future__ import annotations

import typer

from modelyard.cli.output import Output, OutputOption, console, print_json
from modelyard.local import engine_install

engines = typer.Typer(help="Find or install the engines that `modelyard up` runs.", no_args_is_help=True)
