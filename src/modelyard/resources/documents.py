"""The documents of one manifest file, with their numbers and, on demand, the line of every field.

Lines of fields are looked up only when there is something to say about one: the document is then read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from modelyard.resources.bases import Origin
from modelyard.resources.faults import Fault, Path
from modelyard.resources.yaml_documents import MAX_DEPTH, RawDocument, read_document, split_documents


class Document:
    """One document of a file."""

    def __init__(self, raw: RawDocument, origin: Origin, text: str, first_line: int, part: int) -> None:
        self.value = raw.value
        self.faults = raw.faults
        self.fault_line = raw.fault_line
        self.origin = origin
        self._text = text
        self._first_line = first_line
        self._part = part
        self._lines: Mapping[Path, int] | None = None

    def line_of(self, path: Path) -> int:
        """Line of the field at ``path``, or of the nearest field around it that the file has."""
        if self._lines is None:
            parts = read_document(self._text, self._first_line, with_lines=True)
            self._lines = parts[self._part].lines if self._part < len(parts) else {}
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return self.origin.line


def read_documents(text: str, source: str) -> list[Document]:
    """All documents that are not empty, broken ones included. Never raises."""
    documents: list[Document] = []
    for chunk, first_line in split_documents(text):
        for part, raw in enumerate(_read(chunk, first_line)):
            if raw.value is not None or raw.faults:
                origin = Origin(source=source, document=len(documents) + 1, line=raw.line)
                documents.append(Document(raw, origin, chunk, first_line, part))
    return documents


def _read(chunk: str, first_line: int) -> list[RawDocument]:
    parts = read_document(chunk, first_line)
    if chunk.lstrip()[:1] in ("{", "[") and any(part.faults for part in parts):
        found = _read_json(chunk, first_line)
        return parts if found is None else [found]
    return parts


def _read_json(text: str, line: int) -> RawDocument | None:
    """JSON that is not YAML: indented with tabs, or with escapes that YAML lacks. None: it is not JSON."""
    faults: list[Fault] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            faults.append(Fault(message=f"the key {twice[:80]!r} is there twice; remove one"))
        return found

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        return None
    if _deeper_than(value, MAX_DEPTH):
        return None
    return RawDocument(value=value, line=line, faults=tuple(faults), fault_line=line if faults else 0)


def _deeper_than(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
