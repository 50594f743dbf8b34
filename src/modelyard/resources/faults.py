"""Faults of one object while it is checked: a path in the object, and what is wrong there."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

Path = tuple[str | int, ...]
"""Keys and list indexes from the object's root, as the file writes them."""

_MAX_FAULTS = 50


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong at one place of an object."""

    path: Path = ()
    message: str
    allowed: tuple[str, ...] = ()
    suggestion: str = ""


class Report:
    """Collects the faults of one object. ``at`` gives a report for a place inside; all share one list."""

    __slots__ = ("faults", "path")

    def __init__(self, path: Path = (), faults: list[Fault] | None = None) -> None:
        self.path = path
        self.faults: list[Fault] = [] if faults is None else faults

    def at(self, *steps: str | int) -> Report:
        return Report(self.path + steps, self.faults)

    def fault(self, message: str, *, allowed: Iterable[str] = (), suggestion: str = "") -> None:
        """Adds a fault here. Beyond 50 of one object no more are kept: they would not be read."""
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(Fault(path=self.path, message=message, allowed=tuple(allowed), suggestion=suggestion))

    def check(self, message: str | None) -> None:
        """Adds a fault where a format check has something to say."""
        if message is not None:
            self.fault(message)

    def require(self, condition: bool, message: str) -> None:
        """Adds a fault unless the condition holds."""
        if not condition:
            self.fault(message)


def render_path(path: Path) -> str:
    """``spec.listeners[0].name``; keys with dots or brackets are quoted: ``metadata.labels["a.b/c"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() or step.replace("-", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += f'["{step[:80]}"]'
    return text
