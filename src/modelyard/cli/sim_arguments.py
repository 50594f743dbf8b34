"""vLLM's command line habits that ``modelyard sim`` takes over, so that a manifest's arguments work unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from typer.core import TyperCommand

_SEVERAL = ("--lora", "--lora-modules", "--served-model-name")
"""Flags that take several values at once, as in ``--lora-modules a=/a b=/b``."""


class _LoraModule(msgspec.Struct, kw_only=True):
    name: str
    path: str


class SimCommand(TyperCommand):
    """``modelyard sim``, reading arguments as vLLM reads its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        parsed: list[str] = super().parse_args(ctx, expanded(args))
        return parsed


def expanded(arguments: Sequence[str]) -> list[str]:
    """A model that comes first gets its flag; several values of one flag become the flag several times;
    ``--max_num_seqs`` becomes ``--max-num-seqs``."""
    result: list[str] = []
    several, given = "", 0
    if arguments and not arguments[0].startswith("-"):
        result, arguments = ["--model", arguments[0]], arguments[1:]
    for argument in arguments:
        if argument.startswith("--"):
            flag, equals, value = argument.partition("=")
            several, given = flag.replace("_", "-"), int(bool(equals))
            result.append(several + equals + value)
        elif several in _SEVERAL and given:
            result += [several, argument]
        else:
            result.append(argument)
            given += 1
    return result


def lora_modules(values: Sequence[str]) -> dict[str, str]:
    """Adapters of ``--lora-modules``: ``name=path``, or vLLM's JSON form. ValueError: neither."""
    adapters: dict[str, str] = {}
    for value in values:
        if value.startswith("{"):
            module = msgspec.json.decode(value, type=_LoraModule)
            adapters[module.name] = module.path
            continue
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise ValueError(f"--lora-modules {value!r} is not NAME=PATH")
        adapters[name] = path
    return adapters
