"""What the admin API shows; implemented by the control process."""

from __future__ import annotations

from typing import Any, Protocol


class UnknownKind(LookupError):
    """``/api/resources`` was asked for a kind that there is not; the message names those there are."""


class ExplainUnavailable(RuntimeError):
    """No worker could explain; the message says why."""


class AdminSource(Protocol):
    """Plain data, ready for JSON. What is asynchronous asks workers."""

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests can be served (snapshot applied, workers up, sockets bound), and the details."""
        ...

    def resources(self, kind: str | None, namespace: str | None, name: str | None) -> list[dict[str, Any]]:
        """Objects with their status, as Kubernetes would show them. Raises :class:`UnknownKind`."""
        ...

    async def fleet(self) -> dict[str, Any]:
        """Backends and their endpoints with state, load, models and what is open now."""
        ...

    def replicas(self) -> list[dict[str, Any]]:
        """Local replicas."""
        ...

    def summary(self) -> dict[str, Any]:
        """Version, addresses, generation, configuration errors, what was skipped."""
        ...

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where a request would go and why. Raises :class:`ExplainUnavailable`, or ValueError for a bad request."""
        ...

    async def metrics(self) -> str:
        """The metrics page."""
        ...
