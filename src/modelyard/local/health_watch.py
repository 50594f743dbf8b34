"""Asks the probes of one running container, each in its own time, for as long as the container lives."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from modelyard.local.probes import ContainerHealth, ProbeKind
from modelyard.local.probing import ask
from modelyard.local.replica_plan import ReplicaPlan


class HealthWatch:
    """One container's ContainerHealth, kept current; ``on_change`` gets it after each answer, with the
    probe that was asked (None: it has just started) and what is wrong, for people."""

    def __init__(self, plan: ReplicaPlan, on_change: Callable[[ContainerHealth, ProbeKind | None, str], None]) -> None:
        self._plan, self._on_change = plan, on_change
        self._env = {**os.environ, **plan.env}
        self._grace: float | None = None
        self._health = ContainerHealth.begin(
            startup=plan.startup, readiness=plan.readiness, liveness=plan.liveness, now=time.monotonic()
        )

    async def run(self) -> tuple[str, float | None]:
        """Returns why the container must end and the failed probe's own grace in seconds, if it has one; never, while
        it is well."""
        return await self._failure(), self._grace

    async def _failure(self) -> str:
        while not self._health.started:
            failed = await self._ask(ProbeKind.STARTUP)
            if failed:
                return failed
        self._on_change(self._health, None, "")
        readiness = asyncio.create_task(self._ask_forever(ProbeKind.READINESS))
        try:
            return await self._ask_forever(ProbeKind.LIVENESS)
        finally:
            readiness.cancel()
            await asyncio.wait({readiness})

    async def _ask_forever(self, kind: ProbeKind) -> str:
        while kind in dict(self._health.waiting()):
            failed = await self._ask(kind)
            if failed:
                return failed
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never

    async def _ask(self, kind: ProbeKind) -> str:
        """One question, when it is due; returns why the container must end, or nothing."""
        state = dict(self._health.waiting())[kind]
        await asyncio.sleep(max(0.0, state.due - time.monotonic()))
        asked = time.monotonic()
        passed, problem = await ask(state.probe, env=self._env, directory=Path(self._plan.directory))
        self._health = self._health.step(kind, passed, asked)
        self._on_change(self._health, kind, problem)
        if self._health.failed is not None:
            self._grace = state.probe.grace
            return f"{kind.value} probe failed {state.probe.failure_threshold} times: {problem}"
        return ""
