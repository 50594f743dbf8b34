"""What went wrong with a replica's loads and unloads, and when each is tried again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelyard.lora.condition import Reason
from modelyard.lora.lora_config import client_name
from modelyard.lora.plan import Load, Unload
from modelyard.lora.report import Failure

RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds until a refused step is tried again; doubles."""

Step = Load | Unload


class Attempts:
    """The failures of the steps that are planned now."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], Failure] = {}

    @property
    def failures(self) -> Mapping[tuple[str, str], Failure]:
        """(engine name, path; empty for an unload) -> what went wrong."""
        return self._failures

    def is_due(self, step: Step, now: float) -> bool:
        """Whether it may be tried now."""
        failure = self._failures.get(_key(step))
        return failure is None or now >= failure.retry_at

    def times(self) -> list[float]:
        """When something is due again."""
        return [failure.retry_at for failure in self._failures.values()]

    def failed(self, step: Step, message: str, *, unreachable: bool, now: float) -> None:
        """It did not succeed; later attempts are further apart."""
        before = self._failures.get(_key(step))
        attempts = 1 if before is None else before.attempts + 1
        self._failures[_key(step)] = Failure(
            reason=Reason.ENGINE_UNREACHABLE if unreachable else Reason.ENGINE_REFUSED,
            message=message,
            attempts=attempts,
            retry_at=now + min(RETRY * 2 ** min(attempts - 1, 10), LAST_RETRY),
        )

    def succeeded(self, step: Step) -> None:
        """Nothing is wrong with it any more."""
        self._failures.pop(_key(step), None)

    def keep(self, planned: Iterable[Step]) -> None:
        """What went wrong with a step that nobody plans any more says nothing of the version that is wanted now."""
        self._failures = {key: self._failures[key] for key in map(_key, planned) if key in self._failures}

    def concerns(self, name: str) -> bool:
        """Whether a step for the adapter ``name`` failed."""
        return any(client_name(engine_name) == name for engine_name, _ in self._failures)

    def forget(self) -> None:
        """A new process has refused nothing yet."""
        self._failures.clear()


def _key(step: Step) -> tuple[str, str]:
    return (step.engine_name, step.version.path if isinstance(step, Load) else "")
