"""What a ``preStop`` hook means here: plan it (pure), and run it when a replica has left rotation.

A sleep is there to cover the time in which load balancers still send requests. Here the gateway itself takes the
replica out and knows when its last request is over, so the sleep is over then as well. Other hooks are run at the
same time as requests are waited for, and SIGTERM is sent when both are over, or the grace period is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from modelyard.local.probes import Exec, HttpGet, Probe
from modelyard.local.probing import ask


class PreStop(msgspec.Struct, frozen=True, kw_only=True):
    """A hook that is run."""

    action: HttpGet | Exec


async def run_hook(hook: PreStop, *, env: Mapping[str, str], directory: Path, seconds: float) -> str:
    """Run it for at most ``seconds``; returns what went wrong, which stops nothing (as on Kubernetes)."""
    passed, problem = False, "no time was left"
    if seconds > 0:
        with contextlib.suppress(asyncio.TimeoutError):
            passed, problem = await ask(Probe(action=hook.action, timeout=seconds), env=env, directory=directory)
    return "" if passed else f"the preStop hook failed: {problem}"
