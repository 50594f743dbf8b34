"""Whether an update gets on, and since when its conditions hold. ``now``: seconds, CLOCK_MONOTONIC."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from modelyard.local.rollout_status import Condition, Counts, waiting_for


class RolloutProgress:
    """Of one Deployment. Progress is another replica updated, available or gone."""

    def __init__(self, now: float) -> None:
        self.late = ""
        """Why the update has failed; empty: it has not."""
        self._since, self._seen = now, (0, 0, 0, 0)
        self._conditions: dict[str, Condition] = {}

    def begin(self, now: float) -> None:
        """There is a new goal: its time begins."""
        self.late, self._since = "", now

    def judge(self, counts: Counts, now: float, deadline: float, *, waits: bool, worst: Callable[[], str]) -> bool:
        """Whether the verdict has changed. ``waits``: for a turn, for weights or because it is paused, which takes no
        time. ``deadline``: seconds without progress. ``worst`` says what the replicas lack."""
        seen = (counts.updated, counts.updated_available, counts.total, counts.leaving)
        if seen != self._seen or waits or counts.complete:
            self._seen, self._since = seen, now
            late = ""
        elif now - self._since >= deadline:
            late = f"no progress within {deadline:g} s: {waiting_for(counts)}{worst()}"
        else:
            late = self.late
        changed = bool(late) != bool(self.late)
        self.late = late if changed else self.late
        return changed

    def due(self, deadline: float) -> float:
        """When the update has failed if nothing happens."""
        return self._since + deadline

    def timed(self, condition: Condition, at: float) -> Condition:
        """The condition with the time of its last transition. ``at``: Unix time now."""
        before = self._conditions.get(condition.type)
        same = before is not None and before.status == condition.status
        since = before.last_transition_time if before is not None and same else at
        self._conditions[condition.type] = msgspec.structs.replace(condition, last_transition_time=since)
        return self._conditions[condition.type]
