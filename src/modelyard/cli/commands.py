"""The commands of ``modelyard``, each in a module that is imported when it is asked for: all of them together take a
second, most of them alone a tenth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Annotated

import typer

from modelyard import __version__

COMMANDS: Mapping[str, str] = {
    "up": "up:up",
    "gateway": "gateway:gateway",
    "check": "check:check",
    "render": "render:render",
    "ps": "ps:ps",
    "logs": "logs:logs",
    "stop": "stop:stop",
    "explain": "explain:explain",
    "epp": "epp:register",
    "bbr": "bbr:register",
    "sim": "sim:register",
    "engines": "engines:engines",
    "weights": "weights:weights",
    "rollout": "rollout:rollout",
    "drain-time": "drain_time:drain_time_command",
    "lora": "lora:lora",
    "lora-sync": "lora_sync:lora_sync",
    "envoy-config": "envoy_config:envoy_config",
}
"""Name -> module and what it has: a command, a group of commands, or ``register``, which adds it in its own way."""


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these of its commands. Raises KeyError for another name."""
    app = typer.Typer(
        name="modelyard",
        help="One address in front of all your models, and the yard that runs them.",
        epilog="Start with: modelyard up -f examples/quickstart/   or: modelyard up http://localhost:8000",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name in names:
        _add(app, name)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"modelyard {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """One address in front of all your models, and the yard that runs them."""


def _add(app: typer.Typer, name: str) -> None:
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(import_module(f"modelyard.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    elif attribute == "register":
        found(app)
    else:
        app.command(name)(found)
