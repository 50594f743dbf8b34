"""The Jobs of the manifests: planned, run, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from modelyard.local.environment import Sources
from modelyard.local.home import Home
from modelyard.local.jobs.job_plan import JobPlan
from modelyard.local.jobs.job_status import JobPhase, JobStatus
from modelyard.local.jobs.recognition import JobContext, plan_job
from modelyard.local.jobs.runner import JobRunner
from modelyard.local.model_files import ModelSources
from modelyard.local.plan import claims_with_sources
from modelyard.local.weights_provider import WeightsProvider
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable


class YardJobs:
    """The Jobs of one yard."""

    def __init__(
        self, home: Home, weights: WeightsProvider, *, needs_files: bool, on_change: Callable[[], None]
    ) -> None:
        """``needs_files``: real engines run, which need what Jobs bring."""
        self._home, self._weights, self._needs_files = home, weights, needs_files
        self._runner = JobRunner(weights, on_change)

    def apply(self, resources: ResourceSet, table: SourceTable) -> None:
        """Run the Jobs of ``resources``."""
        models = ModelSources(table=table, path_of=self._weights.path_of)
        self._runner.apply(plan_jobs(resources, models, str(self._home.root), needs_files=self._needs_files))

    async def stop(self) -> None:
        """End what runs."""
        await self._runner.stop()

    def statuses(self) -> tuple[JobStatus, ...]:
        """Of every Job that is carried out."""
        return self._runner.statuses()

    def skipped(self) -> list[dict[str, str]]:
        """Jobs that are not carried out, with the reason."""
        return [{"what": name, "reason": reason} for name, reason in not_carried_out(self._runner.plans())]

    def status_of(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Job's ``status`` as Kubernetes has it; None: it is not carried out here."""
        for status in self.statuses():
            if (status.namespace, status.name) == (namespace, name):
                return _written(status)
        return None


def plan_jobs(
    resources: ResourceSet, models: ModelSources, home: str, *, needs_files: bool = True
) -> tuple[JobPlan, ...]:
    """What every Job means on this machine."""
    return tuple(
        plan_job(job, _context(resources, namespace, models, home, needs_files=needs_files))
        for (namespace, _), job in resources.jobs.items()
    )


def not_carried_out(plans: Iterable[JobPlan]) -> Iterator[tuple[str, str]]:
    """(``Job namespace/name``, reason) of each Job that is not carried out."""
    for plan in plans:
        if plan.problem or plan.reason:
            yield f"Job {plan.key}", plan.problem or plan.reason


def _context(
    resources: ResourceSet, namespace: str, models: ModelSources, home: str, *, needs_files: bool
) -> JobContext:
    return JobContext(
        home=home,
        objects=Sources(
            namespace=namespace,
            secrets={key[1]: one for key, one in resources.secrets.items() if key[0] == namespace},
            config_maps={key[1]: one for key, one in resources.config_maps.items() if key[0] == namespace},
        ),
        claims=claims_with_sources(resources, namespace),
        models=models,
        needs_files=needs_files,
    )


def _written(status: JobStatus) -> dict[str, Any]:
    written: dict[str, Any] = {
        "active": int(status.phase in (JobPhase.RUNNING, JobPhase.BACKOFF)),
        "succeeded": int(status.phase is JobPhase.COMPLETE),
        "failed": status.failed,
        "conditions": status.conditions(_time),
    }
    if status.started is not None:
        written["startTime"] = _time(status.started)
    if status.phase is JobPhase.COMPLETE and status.ended is not None:
        written["completionTime"] = _time(status.ended)
    return written


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
