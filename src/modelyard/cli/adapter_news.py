"""What ``up`` says of adapters: which are loaded, which are not and why, which are still on their way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelyard.lora.condition import AdapterStatus, Reason

UNDER_WAY = frozenset({Reason.FETCHING, Reason.LOADING, Reason.REPLACING, Reason.REPLICA_NOT_READY, Reason.UNLOADING})
"""Reasons that time alone can change."""


def under_way(statuses: Iterable[AdapterStatus]) -> list[AdapterStatus]:
    """Those that may still come to be loaded by themselves."""
    return [status for status in statuses if not status.loaded and status.reason in UNDER_WAY]


class AdapterNews:
    """Remembers what was said, so that each change is said once."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[bool, Reason, str]] = {}
        self._problems: frozenset[str] = frozenset()

    def changed(self, statuses: Iterable[AdapterStatus]) -> Iterator[AdapterStatus]:
        """Those that settled otherwise than it was said."""
        there = {(status.adapter, status.replica): status for status in statuses}
        self._told = {key: told for key, told in self._told.items() if key in there}
        for key, status in there.items():
            state = (status.loaded, status.reason, status.message)
            if status.reason not in UNDER_WAY and self._told.get(key) != state:
                self._told[key] = state
                yield status

    def new_problems(self, problems: Iterable[str]) -> list[str]:
        """Those that were not there at the last look."""
        before, self._problems = self._problems, frozenset(problems)
        return sorted(self._problems - before)


def line_of(status: AdapterStatus) -> str:
    """One status, for people."""
    state = "loaded" if status.loaded else "not loaded"
    why = "" if status.reason is Reason.LOADED else f" ({status.reason})"
    message = f": {status.message}" if status.message else ""
    return f"adapter {status.adapter} on {status.replica}: {state}{why}{message}"
