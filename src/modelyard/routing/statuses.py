"""Every resource's status, as Kubernetes would show it."""

from __future__ import annotations

from typing import Any


class Statuses:
    """The status of every Gateway, HTTPRoute and InferencePool that was compiled."""

    def status_of(self, kind: str, namespace: str, name: str, *, now: str) -> dict[str, Any] | None:
        """The ``status`` object; None: it has none. ``now`` (RFC 3339) is lastTransitionTime."""
        raise NotImplementedError
