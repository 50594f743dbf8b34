"""What a Job means on this machine."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelyard.local.replica_plan import AppliedSetting

Others = Literal["replace", "keep", "refuse"]
"""What happens with a target that holds other files. ``replace``: they go, when the copy is whole. ``keep``: they stay,
as with ``cp``, and each file is put in place on its own. ``refuse``: nothing is copied."""


class CopyStep(msgspec.Struct, frozen=True, kw_only=True):
    """Bring the files of one source into one folder."""

    name: str
    """What the Job calls them: a hub id, a path."""
    source: str
    """Where they are taken from (``resources.weights_source``)."""
    target: str
    """Absolute folder that holds them afterwards."""
    others: Others = "replace"
    """What happens with other files that the folder holds."""


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One Job. Two equal plans are one run."""

    namespace: str
    name: str
    steps: tuple[CopyStep, ...] = ()
    reason: str = ""
    """Why it is not carried out here; empty: it is."""
    problem: str = ""
    """What is missing to carry it out, with the next step."""
    backoff_limit: int = 6
    deadline: float | None = None
    """Seconds for all attempts; None: no bound."""
    suspended: bool = False
    token: str | None = None
    """For the hub, from a Secret; never shown."""
    settings: tuple[AppliedSetting, ...] = ()

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"
