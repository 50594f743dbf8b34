"""What is wrong in a manifest, as a value that renders as one clear line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

import msgspec

from modelyard.resources.bases import Origin

_ALLOWED_SHOWN = 24
_VALUE_SHOWN = 80


class ResourceError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fault of one document. ``str()`` gives the line for people."""

    source: str = ""
    """File name as given, or ``-``."""
    document: int = 0
    """From 1; 0 when the whole file is meant."""
    line: int = 0
    """From 1; 0 unknown."""
    subject: str = ""
    """``Gateway default/edge``; empty when the document does not tell."""
    path: str = ""
    """``spec.listeners[0].protocol``; empty for the whole object."""
    message: str
    allowed: tuple[str, ...] = ()
    """Valid names, where there is a list of them."""
    suggestion: str = ""
    """The valid name that is nearest to what was written."""

    @classmethod
    def at(
        cls,
        origin: Origin,
        *,
        message: str,
        subject: str = "",
        path: str = "",
        allowed: tuple[str, ...] = (),
        suggestion: str = "",
    ) -> ResourceError:
        """An error of the object read at ``origin``."""
        return cls(
            source=origin.source,
            document=origin.document,
            line=origin.line,
            subject=subject,
            path=path,
            message=message,
            allowed=allowed,
            suggestion=suggestion,
        )

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        document = f"document {self.document}" if self.document else ""
        head = ": ".join(part for part in (place, document, self.subject, self.path) if part)
        return f"{head}: {self.message}{self._hint()}"

    def _hint(self) -> str:
        hint = ""
        if self.allowed:
            shown = ", ".join(self.allowed[:_ALLOWED_SHOWN])
            hint = f"; allowed: {shown}" + (", …" if len(self.allowed) > _ALLOWED_SHOWN else "")
        if self.suggestion:
            hint += f"; did you mean {self.suggestion!r}?"
        return hint


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The allowed name that is most like ``name``, or empty where none is like it."""
    by_case = {candidate.casefold(): candidate for candidate in allowed}
    found = difflib.get_close_matches(name[:200].casefold(), by_case, n=1, cutoff=0.6)
    return by_case[found[0]] if found else ""


def shown(value: object) -> str:
    """A value as it appears in messages: quoted, on one line, cut where it is long. Whatever its size, little more
    than what is shown is written."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _VALUE_SHOWN:
            return f"{text[:_VALUE_SHOWN]}…"
    return text


def _pieces(value: object) -> Iterator[str]:
    """``repr`` of plain values in parts, the texts among them cut: aliases can repeat a long one many times."""
    if isinstance(value, str):
        yield repr(value[: _VALUE_SHOWN + 1])
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            yield ", " if index else "{"
            yield from _pieces(key)
            yield ": "
            yield from _pieces(item)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield ", " if index else "["
            yield from _pieces(item)
        yield "]" if value else "[]"
    else:
        yield repr(value)
