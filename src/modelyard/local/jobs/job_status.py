"""What is told about Jobs."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from modelyard.local.replica_plan import AppliedSetting


class JobPhase(enum.Enum):
    """Where a Job is."""

    RUNNING = "Running"
    BACKOFF = "BackOff"
    """An attempt has failed; the next one waits."""
    COMPLETE = "Complete"
    FAILED = "Failed"
    SUSPENDED = "Suspended"


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One Job at one moment."""

    name: str
    namespace: str
    phase: JobPhase
    message: str = ""
    reason: str = ""
    """Of a failure, as Kubernetes names it: ``BackoffLimitExceeded``, ``DeadlineExceeded``."""
    failed: int = 0
    """Attempts that have failed."""
    started: float | None = None
    """Seconds, Unix time."""
    ended: float | None = None
    settings: tuple[AppliedSetting, ...] = ()

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def conditions(self, time_of: Any) -> list[dict[str, Any]]:
        """``status.conditions`` as Kubernetes has them; ``time_of`` writes a Unix time."""
        if self.phase not in (JobPhase.COMPLETE, JobPhase.FAILED):
            return []
        return [
            {
                "type": self.phase.value,
                "status": "True",
                "reason": self.reason or "CompletionsReached",
                "message": self.message,
                "lastTransitionTime": time_of(self.ended or 0.0),
            }
        ]
