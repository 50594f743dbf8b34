"""Runs the Jobs of a yard: attempts, backoff, deadline."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from modelyard.local.backoff import Backoff
from modelyard.local.jobs.copying import Copied, CopyError, Stopped, copy_folder
from modelyard.local.jobs.job_plan import CopyStep, JobPlan
from modelyard.local.jobs.job_status import JobPhase, JobStatus
from modelyard.local.weights_provider import WeightsMissing, WeightsProvider
from modelyard.resources.source_table import how_to_say_where

log = logging.getLogger(__name__)


class JobRunner:
    """Every Job of one yard. Everything runs on the loop that calls ``apply``; nothing raises for what a Job says."""

    def __init__(self, weights: WeightsProvider, on_change: Callable[[], None] = lambda: None) -> None:
        """``on_change`` is called whenever ``statuses()`` would differ."""
        self._weights, self._on_change = weights, on_change
        self._runs: dict[str, _Run] = {}
        self._plans: tuple[JobPlan, ...] = ()

    def apply(self, plans: Iterable[JobPlan]) -> None:
        """Start what is new or changed, end what is gone; a Job that has ended stays ended."""
        self._plans = tuple(plans)
        wanted = {plan.key: plan for plan in self._plans if plan.steps}
        for key, run in list(self._runs.items()):
            if wanted.get(key) != run.plan:
                run.cancel()
                del self._runs[key]
        for key, plan in wanted.items():
            if key not in self._runs:
                self._runs[key] = _Run(plan, self._weights, self._on_change)

    def plans(self) -> tuple[JobPlan, ...]:
        """What each Job became."""
        return self._plans

    def statuses(self) -> tuple[JobStatus, ...]:
        """Of every Job that is carried out, by name."""
        return tuple(self._runs[key].status for key in sorted(self._runs))

    async def stop(self) -> None:
        """End everything; copies are gone on with by the next yard. Final."""
        for run in self._runs.values():
            run.cancel()
        for run in self._runs.values():
            await run.ended()


class _Run:
    """One Job from its first attempt to its end."""

    def __init__(self, plan: JobPlan, weights: WeightsProvider, changed: Callable[[], None]) -> None:
        self.plan, self._weights, self._changed = plan, weights, changed
        phase = JobPhase.SUSPENDED if plan.suspended else JobPhase.RUNNING
        self.status = JobStatus(
            name=plan.name, namespace=plan.namespace, phase=phase, started=time.time(), settings=plan.settings
        )
        self._task = None if plan.suspended else asyncio.create_task(self._live(), name=f"job {plan.key}")

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    def _become(self, phase: JobPhase, message: str, *, reason: str = "") -> None:
        ended = time.time() if phase in (JobPhase.COMPLETE, JobPhase.FAILED) else None
        self.status = msgspec.structs.replace(self.status, phase=phase, message=message, reason=reason, ended=ended)
        self._changed()

    def _waits(self, text: str) -> None:
        """Told once for each that is waited for, however often it is said."""
        if text != self.status.message:
            log.info("Job %s %s", self.plan.key, text)
            self._become(JobPhase.RUNNING, text)

    async def _live(self) -> None:
        try:
            async with asyncio.timeout(self.plan.deadline):
                await self._attempts()
        except TimeoutError:
            message = f"it took longer than activeDeadlineSeconds ({self.plan.deadline:g} s)"
            self._become(JobPhase.FAILED, message, reason="DeadlineExceeded")

    async def _attempts(self) -> None:
        backoff = Backoff()
        while True:
            problem = await self._attempt()
            if not problem:
                return
            self.status = msgspec.structs.replace(self.status, failed=self.status.failed + 1)
            if self.status.failed > self.plan.backoff_limit:
                self._become(JobPhase.FAILED, problem, reason="BackoffLimitExceeded")
                return
            backoff = backoff.after_run(0.0)
            self._become(JobPhase.BACKOFF, f"{problem}; tried again in {backoff.delay:.0f} s")
            await asyncio.sleep(backoff.delay)

    async def _attempt(self) -> str:
        """Returns what went wrong; empty: the Job is complete."""
        done: list[str] = []
        try:
            for step in self.plan.steps:
                done.append(await self._carry_out(step))
        except WeightsMissing as error:
            return f"{error}; {how_to_say_where(step.name)}"
        except (CopyError, OSError) as error:
            return str(error)
        self._become(JobPhase.COMPLETE, "; ".join(done))
        return ""

    async def _carry_out(self, step: CopyStep) -> str:
        """Returns what was done, for people."""

        def say(text: str) -> None:
            self._become(JobPhase.RUNNING, text)

        say(f"gets {step.source}")
        folder = await self._weights.provide(step.source, say, token=self.plan.token)
        copied = await self._copy(folder, step, say)
        if copied.kept:
            return f"{step.target} holds {step.source} already"
        return f"{copied.files} files, {copied.bytes / 1e6:.1f} MB of {step.source} are in {step.target}"

    async def _copy(self, folder: Path, step: CopyStep, say: Callable[[str], None]) -> Copied:
        """In a thread, which a cancelled Job stops before it goes on."""
        loop, stopped = asyncio.get_running_loop(), threading.Event()

        def progress(done: int, total: int) -> None:
            if stopped.is_set():
                raise Stopped
            loop.call_soon_threadsafe(say, f"copies to {step.target}: {done / 1e6:.1f} of {total / 1e6:.1f} MB")

        def waiting(holder: str) -> None:
            if stopped.is_set():
                raise Stopped
            loop.call_soon_threadsafe(self._waits, f"waits for {holder}, which copies to {step.target}")

        copying = asyncio.ensure_future(
            asyncio.to_thread(copy_folder, folder, Path(step.target), progress, step.others, waiting)
        )
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            stopped.set()
            with contextlib.suppress(Stopped, CopyError, OSError):
                await copying
            raise
