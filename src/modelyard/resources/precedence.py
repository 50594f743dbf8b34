"""Order among objects that claim the same thing: the oldest first, then by name (Gateway API, conflicts)."""

from __future__ import annotations

import math
from datetime import datetime

from modelyard.resources.kinds import Kubernetes

AgeKey = tuple[float, str, str]
"""Seconds of the creation time (infinite where there is none), namespace, name."""


def age_key(resource: Kubernetes) -> AgeKey:
    """Sorts the object that wins first: oldest ``creationTimestamp``, then namespace and name in order.

    Objects read from files usually have no creation time; they come after those that have one.
    """
    metadata = resource.metadata
    return (_seconds(metadata.creation_timestamp), metadata.namespace, metadata.name)


def _seconds(timestamp: str | None) -> float:
    return math.inf if timestamp is None else datetime.fromisoformat(timestamp).timestamp()
