"""Command lines as Go programs take them, so that a Deployment's arguments work unchanged.

``-grpcPort 9002``, ``--grpcPort=9002`` and ``--grpc-port 9002`` are one flag; ``--secure-serving=false`` (and with a
space, as charts write it) is ``--no-secure-serving``; ``-v=4`` is ``--v 4``. Flags of the original that mean nothing
here are taken and told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from typer.core import TyperCommand, TyperOption

from modelyard.cli.output import warn

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")


class Foreign(NamedTuple):
    """A flag of the original that this program has no use for."""

    switch: bool = False
    """It takes no value."""
    told: str = ""
    """What to say when it is given; empty: nothing is lost, so nothing is said."""
    usual: str = ""
    """The value that is in force here anyway: with it nothing is lost."""


class Spelling(NamedTuple):
    """What is known of a command's flags, by long name without dashes."""

    known: Collection[str]
    short: Collection[str]
    """One-letter names with one dash, which stay as they are."""
    switches: Mapping[str, str]
    """Those of ``known`` without a value, each with the one that means its opposite; empty: there is none."""
    foreign: Mapping[str, Foreign]


def go_command(foreign: Mapping[str, Foreign]) -> type[TyperCommand]:
    """The class of a command that takes its flags in Go's spelling too, and ``foreign`` ones."""

    class GoFlagsCommand(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            options = [item for item in self.params if isinstance(item, TyperOption)]
            known = {name.lstrip("-") for item in options for name in (*item.opts, *item.secondary_opts)}
            short = {name[1:] for item in options for name in item.opts if not name.startswith("--")}
            switches = {name: other for item in options if item.is_flag for name, other in _opposites(item)}
            own = own_spelling(args, Spelling(known, short, switches, foreign))
            parsed: list[str] = super().parse_args(ctx, own)
            return parsed

    return GoFlagsCommand


def _opposites(option: TyperOption) -> Iterator[tuple[str, str]]:
    on = [name.lstrip("-") for name in option.opts]
    off = [name.lstrip("-") for name in option.secondary_opts]
    for names, others in ((on, off), (off, on)):
        yield from ((name, others[0] if others else "") for name in names)


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
        is_own = long in spelling.known and (len(name) > 2 or long not in spelling.short)
        if not name.startswith("-") or not (is_own or long in spelling.foreign):
            result.append(_whole(argument, spelling))
            continue
        switch = spelling.foreign[long].switch if long in spelling.foreign else long in spelling.switches
        if rest and not equals and (not switch or rest[0].lower() in (*_TRUE, *_FALSE)):
            equals, value = "=", rest.pop(0)
        if is_own:
            result += _own(long, equals, value, spelling.switches)
        else:
            _tell(name, spelling.foreign[long], value)
    return result


def _whole(argument: str, spelling: Spelling) -> str:
    """An unknown flag of several letters after one dash, with two: else its first letter alone would be refused, or
    taken for another."""
    single = len(argument) > 2 and argument[0] == "-" and argument[1].isalpha()
    return f"-{argument}" if single and argument[1] not in spelling.short else argument


def _own(name: str, equals: str, value: str, switches: Mapping[str, str]) -> list[str]:
    if name in switches and value.lower() in _TRUE:
        return [f"--{name}"]
    if name in switches and value.lower() in _FALSE:
        return [f"--{switches[name]}"] if switches[name] else []
    return [f"--{name}{equals}{value}"]


def _tell(name: str, flag: Foreign, value: str) -> None:
    said = value.lower()
    if flag.told and said not in _FALSE and not (flag.usual and said == flag.usual.lower()):
        warn(f"{name}: {flag.told}.")
