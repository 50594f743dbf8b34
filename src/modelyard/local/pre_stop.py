"""What a ``preStop`` hook means here: plan it (pure), and run it when a replica has left rotation.

A sleep is there to cover the time in which load balancers still send requests. Here the gateway itself takes the
replica out and knows when its last request is over, so the sleep is over then as well. Other hooks are run at the
same time as requests are waited for, and SIGTERM is sent when both are over, or the grace period is.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelyard.local.probes import Exec, HttpGet, Probe
from modelyard.local.probing import ask

if TYPE_CHECKING:
    from modelyard.resources.probes import ExecAction

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHELLS = ("sh", "bash", "dash", "ash")


class PreStop(msgspec.Struct, frozen=True, kw_only=True):
    """A hook that is run."""

    action: HttpGet | Exec


def sleep_seconds(action: ExecAction) -> float | None:
    """How long ``sleep 30``, ``/bin/sleep 30s`` or ``sh -c "sleep 30"`` waits; None: the command is something else."""
    words = list(action.command)
    if len(words) == 3 and _program(words[0]) in _SHELLS and words[1] in ("-c", "-ec"):
        try:
            words = shlex.split(words[2])
        except ValueError:
            return None
        words = words[1:] if words[:1] == ["exec"] else words
    if len(words) != 2 or _program(words[0]) != "sleep":
        return None
    found = _SECONDS.fullmatch(words[1])
    return float(found[1]) * _UNITS[found[2]] if found else None


def is_shell(action: ExecAction) -> bool:
    """Its command is a script for a shell, which is not run here."""
    return bool(action.command) and _program(action.command[0]) in _SHELLS


def _program(path: str) -> str:
    return path.rpartition("/")[2]


async def run_hook(hook: PreStop, *, env: Mapping[str, str], directory: Path, seconds: float) -> str:
    """Run it for at most ``seconds``; returns what went wrong, which stops nothing (as on Kubernetes)."""
    passed, problem = False, "no time was left"
    if seconds > 0:
        with contextlib.suppress(asyncio.TimeoutError):
            passed, problem = await ask(Probe(action=hook.action, timeout=seconds), env=env, directory=directory)
    return "" if passed else f"the preStop hook failed: {problem}"
