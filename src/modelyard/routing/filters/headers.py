"""RequestHeaderModifier and ResponseHeaderModifier."""

from __future__ import annotations

from dataclasses import dataclass

Headers = list[tuple[str, str]]

_REPEATED_ON_LINES = frozenset({"set-cookie"})
"""Fields whose values may not be joined with a comma (RFC 9110 section 5.3)."""


@dataclass(slots=True, frozen=True, eq=False)
class HeaderEdit:
    """Sets, adds and removes header fields (Gateway API HTTPHeaderFilter). Names are lower case."""

    set: tuple[tuple[str, str], ...] = ()
    """Replace every value of the field, or create it."""
    add: tuple[tuple[str, str], ...] = ()
    """Append to the field's values (``old,new`` in one line, as the specification shows), or create it."""
    remove: frozenset[str] = frozenset()

    def apply(self, headers: Headers) -> Headers:
        """The edited fields as a new list; fields not named keep their order."""
        dropped = self.remove.union(name for name, _ in self.set)
        edited = [field for field in headers if field[0] not in dropped]
        edited.extend(self.set)
        for name, value in self.add:
            _append(edited, name, value)
        return edited


def _append(headers: Headers, name: str, value: str) -> None:
    if name not in _REPEATED_ON_LINES:
        for index in range(len(headers) - 1, -1, -1):
            if headers[index][0] == name:
                headers[index] = (name, f"{headers[index][1]},{value}")
                return
    headers.append((name, value))
