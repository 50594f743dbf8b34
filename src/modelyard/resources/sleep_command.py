"""Commands that only wait: how manifests wrote a ``preStop`` sleep before Kubernetes had one."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.resources.probes import ExecAction, LifecycleHandler

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHELLS = ("sh", "bash", "dash", "ash")


def hook_seconds(handler: LifecycleHandler) -> float | None:
    """How long a hook that is a sleep waits; None: it is something else."""
    if handler.sleep is not None:
        return float(handler.sleep.seconds)
    return None if handler.exec is None else sleep_seconds(handler.exec)


def sleep_seconds(action: ExecAction) -> float | None:
    """How long ``sleep 30``, ``/bin/sleep 30s`` or ``sh -c "sleep 30"`` waits; None: the command is something else."""
    words = list(action.command)
    if is_shell(action) and len(words) == 3 and words[1] in ("-c", "-ec"):
        try:
            words = shlex.split(words[2].strip().removesuffix(";"), comments=True)
        except ValueError:
            return None
        words = words[1:] if words[:1] == ["exec"] else words
    if len(words) < 2 or _program(words[0]) != "sleep":
        return None
    times = [_SECONDS.fullmatch(word) for word in words[1:]]
    return None if None in times else sum(float(found[1]) * _UNITS[found[2]] for found in times if found)


def is_shell(action: ExecAction) -> bool:
    """Its command is a script for a shell."""
    return bool(action.command) and _program(action.command[0]) in _SHELLS


def _program(path: str) -> str:
    return path.rpartition("/")[2]
