"""YAML text -> plain values, one per document, within limits.

Documents are cut apart before they are parsed, so that a broken one does not hide those after it. Parsing
runs over libyaml's event stream without recursion: depth, number of values and growth by aliases are bounded,
and duplicate keys are found, which PyYAML's own loader would drop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec
import yaml

from modelyard.resources.faults import Fault, Path
from modelyard.resources.yaml_scalars import plain_scalar, tagged_scalar

MAX_DEPTH = 100
"""Nesting of mappings and lists; a Pod template needs about 12, a CRD schema about 40."""
MAX_VALUES = 2_000_000
"""Values in one document: more than a 16 MiB manifest of usual density has."""
MAX_ALIASED_VALUES = 100_000
"""Values that aliases of one document may repeat; more is an alias bomb."""
_ALIASED_CHARACTERS = 100
"""Characters of an aliased text that count as one more value: 10 MB may be repeated. Once written out, as for the
workers, every repetition takes its own memory."""
MAX_DOCUMENTS = 50_000

_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%(?:YAML|TAG)\b[^\r\n]*", re.MULTILINE)
_NOTHING = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z))*(?:\.\.\.[ \t]*(?:\r?\n|\Z))?\Z")
_MERGE = "<<"
_TAGS_OF_COLLECTIONS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class RawDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document: its value, or why it has none."""

    value: Any = None
    line: int = 1
    """Line of the first value, from 1."""
    faults: tuple[Fault, ...] = ()
    """Not empty: the value is not to be used."""
    fault_line: int = 0
    """Line of the first fault; 0 where ``faults`` is empty."""
    lines: Mapping[Path, int] = {}
    """Line of every key and list item, where they were asked for."""


def split_documents(text: str) -> list[tuple[str, int]]:
    """The text of each document and the number of its first line. Empty documents are left out."""
    cuts = [0, *(found.start() for found in _SEPARATOR.finditer(text)), len(text)]
    documents = []
    line = 1
    for start, end in pairwise(cuts):
        chunk = text[start:end]
        body = _DIRECTIVE.sub("", chunk)
        if not _NOTHING.match(body.removeprefix("---")):
            documents.append((body, line))
        line += chunk.count("\n")
    return documents


def read_document(text: str, first_line: int = 1, *, with_lines: bool = False) -> list[RawDocument]:
    """The documents in ``text``: one, unless lone carriage returns cut it further. Never raises."""
    documents: list[RawDocument] = []
    try:
        documents.extend(_documents(text, first_line, with_lines))
    except yaml.YAMLError as error:
        documents.append(_broken(_problem(error), first_line + _error_line(error), first_line))
    except UnicodeEncodeError:
        documents.append(_broken("holds a character that is not valid Unicode", first_line, first_line))
    except _LimitError as error:
        documents.append(_broken(str(error), error.line, first_line))
    return documents


class _LimitError(Exception):
    """A document goes beyond a limit; reading it stops."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "key", "merge_next", "merged", "path", "value", "weight")

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None, path: Path) -> None:
        self.value = value
        self.anchor = anchor
        self.path = path
        self.key: str | None = None
        self.merge_next = False
        self.merged: list[dict[str, Any]] = []
        self.weight = 1


class _Composer:
    """Builds the value of one document out of its events."""

    def __init__(self, offset: int, with_lines: bool) -> None:
        self._offset = offset
        self._lines: dict[Path, int] | None = {} if with_lines else None
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._values = 0
        self._faults: list[Fault] = []
        self._fault_line = 0
        self._first_line = 0
        self._root: Any = None

    def feed(self, event: yaml.Event) -> None:
        mark = event.start_mark
        line = self._offset + (mark.line if mark is not None else 0)
        self._first_line = self._first_line or line
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(line)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "", line)

    def document(self) -> RawDocument:
        return RawDocument(
            value=self._root,
            line=self._first_line,
            faults=tuple(self._faults),
            fault_line=self._fault_line,
            lines=self._lines or {},
        )

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if event.tag is None:
            value = plain_scalar(event.value) if event.implicit[0] else event.value
        else:
            try:
                value = tagged_scalar(event.tag, event.value)
            except ValueError as error:
                self._fault(str(error), line)
                value = event.value
        weight = 1 + len(event.value) // _ALIASED_CHARACTERS
        if event.anchor:
            self._anchors[event.anchor] = (value, weight)
        if self._expects_key():
            self._key(event, value, line)
        else:
            self._add(value, weight, line)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _key(self, event: yaml.ScalarEvent, value: object, line: int) -> None:
        frame = self._stack[-1]
        frame.key = event.value
        frame.merge_next = event.value == _MERGE and event.implicit[0]
        if frame.merge_next:
            return
        if value is None:
            self._fault("a key is empty; write a name before the colon", line)
        elif event.value in frame.value:
            self._fault(f"the key {event.value[:80]!r} is there twice (again in line {line}); remove one", line)
        if self._lines is not None:
            self._lines[(*frame.path, event.value)] = line

    def _open(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if self._expects_key():
            raise _LimitError("a key must be a plain name, not a mapping or list", line)
        if len(self._stack) >= MAX_DEPTH:
            raise _LimitError(f"is nested deeper than {MAX_DEPTH} levels", line)
        if event.tag not in _TAGS_OF_COLLECTIONS:
            self._fault(f"the YAML tag {event.tag!r} is not supported; remove it", line)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path: Path = ()
        if self._stack and self._lines is not None:
            path = self._place(line)
        self._stack.append(_Frame(value, event.anchor, path))

    def _place(self, line: int) -> Path:
        frame = self._stack[-1]
        if isinstance(frame.value, dict):
            return (*frame.path, frame.key or "")
        path = (*frame.path, len(frame.value))
        if self._lines is not None:
            self._lines[path] = line
        return path

    def _close(self, line: int) -> None:
        frame = self._stack.pop()
        if isinstance(frame.value, dict):
            for merged in frame.merged:
                for key, value in merged.items():
                    frame.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, frame.weight)
        self._add(frame.value, frame.weight, line)

    def _alias(self, name: str, line: int) -> None:
        if self._expects_key():
            raise _LimitError("a key must be a plain name, not an alias", line)
        if name not in self._anchors:
            raise _LimitError(f"the alias *{name} refers to an anchor that is not complete before it", line)
        value, weight = self._anchors[name]
        self._aliased += weight
        if self._aliased > MAX_ALIASED_VALUES:
            message = f"aliases repeat more than {MAX_ALIASED_VALUES:,} values, or long texts; write them out"
            raise _LimitError(message, line)
        self._add(value, weight, line)

    def _add(self, value: Any, weight: int, line: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _LimitError(f"has more than {MAX_VALUES:,} values; split the file", line)
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        frame.weight += weight
        if isinstance(frame.value, list):
            if self._lines is not None:
                self._lines.setdefault((*frame.path, len(frame.value)), line)
            frame.value.append(value)
            return
        key, frame.key = frame.key or "", None
        if frame.merge_next:
            self._merge(frame, value, line)
        else:
            frame.value.setdefault(key, value)

    def _merge(self, frame: _Frame, value: Any, line: int) -> None:
        sources = value if isinstance(value, list) else [value]
        if all(isinstance(source, dict) for source in sources):
            frame.merged.extend(sources)
        else:
            self._fault("the merge key << takes a mapping or a list of mappings", line)

    def _fault(self, message: str, line: int) -> None:
        self._fault_line = self._fault_line or line
        if len(self._faults) < 20:
            self._faults.append(Fault(message=message))


def _documents(text: str, first_line: int, with_lines: bool) -> Iterator[RawDocument]:
    composer = _Composer(first_line, with_lines)
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            composer = _Composer(first_line, with_lines)
        elif isinstance(event, yaml.DocumentEndEvent):
            yield composer.document()
        elif isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            composer.feed(event)


def _broken(message: str, line: int, first_line: int) -> RawDocument:
    return RawDocument(line=first_line, faults=(Fault(message=message),), fault_line=line)


def _problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    return f"is not valid YAML: {problem}" + (f" ({context})" if context else "")


def _error_line(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return 0 if mark is None else int(mark.line)
