from __future__ import annotations

import asyncio
import fcntl
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.local.jobs.job_plan import CopyStep, JobPlan
from modelyard.local.jobs.job_status import JobPhase, JobStatus
from modelyard.local.jobs.runner import JobRunner
from modelyard.local.weights_provider import FoldersOnly, WeightsMissing


class Failing(FoldersOnly):
    """Fails so many times, or for ever and ever slowly."""

    def __init__(self, times: int = 0, *, hangs: bool = False) -> None:
        self.left, self.hangs, self.tokens = times, hangs, [""]

    async def provide(
        self, source: str, say: Callable[[str], None], *, adapter: bool = False, token: str | None = None
    ) -> Path:
        self.tokens.append(token or "")
        if self.hangs:
            await asyncio.sleep(3600)
        if self.left:
            self.left -= 1
            raise WeightsMissing("the line is down")
        return await super().provide(source, say, adapter=adapter, token=token)


def plan(tmp_path: Path, **fields: object) -> JobPlan:
    (tmp_path / "source").mkdir(exist_ok=True)
    (tmp_path / "source" / "config.json").write_text("{}")
    step = CopyStep(name="org/m", source=str(tmp_path / "source"), target=str(tmp_path / "bucket" / "m"))
    return JobPlan(namespace="default", name="j", steps=(step,), **fields)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.local.backoff.FIRST_SECONDS", 0.0)


def ended(one: JobPlan, weights: FoldersOnly) -> JobStatus:
    """The Job's status at its end."""

    async def run() -> JobStatus:
        changed = asyncio.Event()
        runner = JobRunner(weights, changed.set)
        runner.apply([one])
        async with asyncio.timeout(30):
            while runner.statuses()[0].phase not in (JobPhase.COMPLETE, JobPhase.FAILED):
                await changed.wait()
                changed.clear()
        runner.apply([one])
        (status,) = runner.statuses()
        await runner.stop()
        return status

    return asyncio.run(run())


def test_a_job_completes_and_stays_so(tmp_path: Path) -> None:
    weights = Failing()
    status = ended(plan(tmp_path, token="secret"), weights)
    assert (status.phase, status.failed) == (JobPhase.COMPLETE, 0)
    assert "1 files" in status.message
    assert (tmp_path / "bucket" / "m" / "config.json").read_text() == "{}"
    assert weights.tokens == ["", "secret"]
    assert status.conditions(str)[0]["type"] == "Complete"


def test_a_failed_attempt_is_repeated(tmp_path: Path) -> None:
    status = ended(plan(tmp_path, backoff_limit=2), Failing(2))
    assert (status.phase, status.failed) == (JobPhase.COMPLETE, 2)


def test_too_many_failures_end_it(tmp_path: Path) -> None:
    status = ended(plan(tmp_path, backoff_limit=1), Failing(5))
    assert (status.phase, status.reason, status.failed) == (JobPhase.FAILED, "BackoffLimitExceeded", 2)
    assert "the line is down; say where this model is taken from: --source org/m=demo://demo-llama" in status.message


def test_the_deadline_ends_it(tmp_path: Path) -> None:
    status = ended(plan(tmp_path, deadline=0.01), Failing(hangs=True))
    assert (status.phase, status.reason) == (JobPhase.FAILED, "DeadlineExceeded")
    assert status.conditions(str)[0]["reason"] == "DeadlineExceeded"


def test_what_is_gone_or_suspended_does_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        runner = JobRunner(Failing(hangs=True))
        runner.apply([plan(tmp_path)])
        runner.apply([])
        assert runner.statuses() == ()
        runner.apply([plan(tmp_path, suspended=True)])
        assert [status.phase for status in runner.statuses()] == [JobPhase.SUSPENDED]
        runner.apply([JobPlan(namespace="default", name="other", reason="not here")])
        assert runner.statuses() == ()
        assert [one.reason for one in runner.plans()] == ["not here"]
        await runner.stop()

    asyncio.run(run())


def test_a_copy_that_waits_for_another_process_says_so_and_can_be_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "bucket" / "m"
    target.parent.mkdir()
    caplog.set_level(logging.INFO)

    async def run() -> None:
        changed = asyncio.Event()
        runner = JobRunner(FoldersOnly(), changed.set)
        runner.apply([plan(tmp_path)])
        async with asyncio.timeout(30):
            while not runner.statuses()[0].message.startswith("waits for process 4711, which copies to "):
                await changed.wait()
                changed.clear()
            await runner.stop()

    with (target.parent / ".m.lock").open("w") as other:
        other.write("4711")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        asyncio.run(run())
    assert [record.message for record in caplog.records] == [
        f"Job default/j waits for process 4711, which copies to {target}"
    ]


def test_the_deadline_counts_while_another_process_copies(tmp_path: Path) -> None:
    target = tmp_path / "bucket" / "m"
    target.parent.mkdir()
    with (target.parent / ".m.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        status = ended(plan(tmp_path, deadline=0.3), FoldersOnly())
    assert (status.phase, status.reason) == (JobPhase.FAILED, "DeadlineExceeded")
