"""The command of the simulator that stands in for a vLLM command (``--engine sim``)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from modelyard.local import arguments as argv

SAME_FLAGS = (
    "--host",
    "--port",
    "--model",
    "--max-loras",
    "--max-cpu-loras",
    "--max-num-seqs",
    "--max-model-len",
    "--block-size",
    "--max-num-queued-reqs",
    "--api-key",
)
"""Flags that mean the same to vLLM and to the simulator."""


def simulator_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Arguments of ``modelyard sim`` that make it look like the vLLM with ``arguments``."""
    command: list[str] = []
    for flag in SAME_FLAGS:
        setting = argv.value(arguments, flag)
        if setting is not None:
            command += [flag, setting]
    for name in argv.values(arguments, "--served-model-name") or ():
        command += ["--served-model-name", name]
    if argv.values(arguments, "--enable-lora") is not None:
        command.append("--enable-lora")
    for adapter in _adapters(argv.values(arguments, "--lora-modules") or ()):
        command += ["--lora", adapter]
    return tuple(command)


def _adapters(modules: Sequence[str]) -> Iterator[str]:
    """``name=path`` of each adapter; vLLM also takes a JSON object."""
    for module in modules:
        if not module.startswith("{"):
            yield module
            continue
        try:
            described = json.loads(module)
            yield f"{described['name']}={described['path']}"
        except (ValueError, KeyError, TypeError):
            continue
