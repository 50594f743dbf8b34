"""What a body-based router's worker counts beside its requests: what plugins take, and which fields bodies lack."""

from __future__ import annotations

from collections.abc import Callable

from modelyard.telemetry.flow_metrics import STEP_BOUNDS
from modelyard.telemetry.picker_rows import PluginRow, RouterRows

POINT = "request"
"""The only extension point: answers are not looked at."""


class RouterCounts:
    """A ``routed_body.Watch``. Plugins and fields are those of the configuration, so there are few."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = 0.0
        self._plugins: dict[tuple[str, str], PluginRow] = {}
        self._rows = RouterRows()

    def begin(self) -> None:
        """A body is about to be read."""
        self._began = self._clock()

    def ran(self, kind: str, name: str) -> None:
        """A plugin has done its part since the last call."""
        now = self._clock()
        row = self._plugins.get((kind, name))
        if row is None:
            row = self._plugins[kind, name] = PluginRow(POINT, kind, name)
        row.seconds.observe(now - self._began, STEP_BOUNDS)
        self._began = now

    def lacks(self, field: str) -> None:
        self._rows.missing[field] = self._rows.missing.get(field, 0) + 1

    def has_empty(self, field: str) -> None:
        self._rows.empty[field] = self._rows.empty.get(field, 0) + 1

    def routed(self) -> None:
        """Some header was set."""
        self._rows.routed += 1

    def drain(self) -> tuple[RouterRows, list[PluginRow]]:
        """What was counted since the last call."""
        rows, self._rows = self._rows, RouterRows()
        plugins, self._plugins = self._plugins, {}
        return rows, list(plugins.values())
