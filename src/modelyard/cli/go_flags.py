"""Command lines as Go programs take them, so that a Deployment's arguments work unchanged.

``-grpcPort 9002``, ``--grpcPort=9002`` and ``--grpc-port 9002`` are one flag; ``--secure-serving=false`` is
``--no-secure-serving``; ``-v=4`` is ``--v 4``. Flags of the original that mean nothing here are taken and told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperOption

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail, warn

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")


class Foreign(NamedTuple):
    """A flag of the original that this program has no use for."""

    switch: bool = False
    """It takes no value."""
    told: str = ""
    """What to say when it is given; empty: nothing is lost, so nothing is said."""
    refused: bool = False
    """Running without what it asks for would be wrong, unless it is switched off."""


class Spelling(NamedTuple):
    """What is known of a command's flags, by long name without dashes."""

    known: Collection[str]
    switches: Collection[str]
    """Those of ``known`` without a value."""
    foreign: Mapping[str, Foreign]


def go_command(foreign: Mapping[str, Foreign]) -> type[TyperCommand]:
    """The class of a command that takes its flags in Go's spelling too, and ``foreign`` ones."""

    class GoFlagsCommand(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            options = [item for item in self.params if isinstance(item, TyperOption)]
            known = {name.lstrip("-") for item in options for name in (*item.opts, *item.secondary_opts)}
            switches = {name.lstrip("-") for item in options if item.is_flag for name in item.opts}
            own = own_spelling(args, Spelling(known, switches, foreign))
            parsed: list[str] = super().parse_args(ctx, own)
            return parsed

    return GoFlagsCommand


def own_spelling(arguments: Sequence[str], spelling: Spelling) -> list[str]:
    """``arguments`` as this program writes them, without foreign flags."""
    result: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*result, argument, *rest]
        name, equals, value = argument.partition("=")
        long = _CAMEL.sub("-", name.lstrip("-")).replace("_", "-").lower()
        if not name.startswith("-") or (len(name) == 2 and long in spelling.known and name[1:] != "v"):
            result.append(argument)
        elif long in spelling.foreign:
            flag = spelling.foreign[long]
            takes_next = not flag.switch and not equals and rest
            _tell(name, flag, rest.pop(0) if takes_next else value)
        elif long in spelling.known:
            result += _known(long, equals, value, spelling.switches)
        else:
            result.append(argument)
    return result


def _known(name: str, equals: str, value: str, switches: Collection[str]) -> list[str]:
    if name in switches and equals and value.lower() in _TRUE:
        return [f"--{name}"]
    if name in switches and equals and value.lower() in _FALSE:
        return [f"--no-{name}"]
    return [f"--{name}{equals}{value}"]


def _tell(name: str, flag: Foreign, value: str) -> None:
    if value.lower() in _FALSE:
        return
    if flag.refused:
        fail(f"{name}: {flag.told}.", ExitCode.USAGE)
    if flag.told:
        warn(f"{name}: {flag.told}.")
