"""Job (``batch/v1``): work that ends."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from modelyard.resources.bases import Lenient, LenientResource
from modelyard.resources.pods import PodTemplateSpec

_SUFFIX = 5
"""Characters that the API server appends to ``generateName``."""


class JobSpec(Lenient, frozen=True, kw_only=True):
    """What is done, how often it is tried, and how long it may take."""

    template: PodTemplateSpec
    backoff_limit: int = 6
    """Failed attempts before the Job has failed; the first attempt is not counted."""
    active_deadline_seconds: int | None = None
    """Seconds for all attempts together; None: no bound."""
    parallelism: int = 1
    completions: int | None = None
    suspend: bool = False
    ttl_seconds_after_finished: int | None = None


class Job(LenientResource, frozen=True, kw_only=True):
    """One Pod, run to its end."""

    spec: JobSpec


def with_generated_name(value: dict[str, Any]) -> dict[str, Any]:
    """A Job's plain value with a name where it has ``generateName`` only.

    The API server draws the ending by lot for each ``create``. Here it follows from the content: the same text is the
    same Job, however often it is read, and a changed one is another.
    """
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") or not isinstance(metadata.get("generateName"), str):
        return value
    text = json.dumps(value, sort_keys=True, default=str)
    ending = hashlib.sha256(text.encode()).hexdigest()[:_SUFFIX]
    return {**value, "metadata": {**metadata, "name": metadata["generateName"] + ending}}
