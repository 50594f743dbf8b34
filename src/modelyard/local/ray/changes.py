"""Changes of a plain configuration, each noted as it is made."""

from __future__ import annotations

from typing import Any

from modelyard.local.replica_plan import AppliedSetting

Draft = dict[str, Any]
"""A copy of what was written, changed in place."""


class Changes:
    """The notes of all changes, in order."""

    def __init__(self) -> None:
        self.settings: list[AppliedSetting] = []

    def of(self, owner: str) -> Note:
        """Changes of one application or model."""
        return Note(owner, self.settings)


class Note:
    """Changes values of one owner and notes them."""

    def __init__(self, owner: str, settings: list[AppliedSetting]) -> None:
        self._owner = owner
        self._settings = settings

    def add(self, setting: str, change: str, reason: str) -> None:
        """Note a change that was made."""
        self._settings.append(AppliedSetting(setting=f"{self._owner}: {setting}", change=change, reason=reason))

    def set(self, part: Draft, name: str, value: Any, reason: str, *, place: str = "") -> None:
        """``part[name] = value``, noted with what it was; nothing where it is so already."""
        was = part.get(name)
        if was == value and type(was) is type(value):
            return
        part[name] = value
        shown = f"added {_text(value)}" if was is None else f"{_text(value)} (was {_text(was)})"
        self.add(f"{place}.{name}" if place else name, shown, reason)

    def drop(self, part: Draft, name: str, reason: str, *, place: str = "") -> None:
        """Remove ``part[name]``, noted with what it was; nothing where it is not there."""
        if name in part:
            self.add(f"{place}.{name}" if place else name, f"dropped (was {_text(part.pop(name))})", reason)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
