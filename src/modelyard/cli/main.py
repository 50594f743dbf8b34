"""The ``modelyard`` command (alias ``yard``)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from modelyard import __version__
from modelyard.cli.bbr import register as register_bbr
from modelyard.cli.check import check
from modelyard.cli.drain_time import drain_time_command
from modelyard.cli.engines import engines
from modelyard.cli.envoy_config import envoy_config
from modelyard.cli.epp import register as register_epp
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.explain import explain
from modelyard.cli.gateway import gateway
from modelyard.cli.logs import logs
from modelyard.cli.lora import lora
from modelyard.cli.lora_sync import lora_sync
from modelyard.cli.ps import ps
from modelyard.cli.render import render
from modelyard.cli.rollout import rollout
from modelyard.cli.sim import register as register_sim
from modelyard.cli.stop import stop
from modelyard.cli.up import up
from modelyard.cli.weights import weights

app = typer.Typer(
    name="modelyard",
    help="One address in front of all your models, and the yard that runs them.",
    epilog="Start with: modelyard up -f examples/quickstart/   or: modelyard up http://localhost:8000",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"modelyard {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """One address in front of all your models, and the yard that runs them."""


for command in (up, gateway, check, render, ps, logs, stop, explain):
    app.command()(command)
register_epp(app)
register_bbr(app)
register_sim(app)
app.add_typer(engines, name="engines")
app.add_typer(weights, name="weights")
app.add_typer(rollout, name="rollout")
app.command("drain-time")(drain_time_command)
app.add_typer(lora, name="lora")
app.command("lora-sync")(lora_sync)
app.command("envoy-config")(envoy_config)


def main() -> None:
    """Entry point: run, and turn what is left into an exit code without a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.OK)


if __name__ == "__main__":
    main()
