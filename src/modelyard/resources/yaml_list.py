"""The entries of a YAML list that a manifest holds as a text, as they are written.

Read from libyaml's events alone: no value is built, so nothing that a tag, an alias or deep nesting asks for happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from modelyard.resources.yaml_documents import MAX_DEPTH
from modelyard.resources.yaml_scalars import Scalar, plain_scalar, tagged_scalar

MAX_CHARACTERS = 1 << 20
"""What a whole ConfigMap may hold on a cluster."""
_SHOWN = 200
"""Most characters of a wrong entry that are kept, to be shown."""


class ListEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry. ``value`` and ``is_scalar`` say what it means, ``text`` is what is written there."""

    text: str
    """A scalar's text without its quotes; the beginning of anything else as it is in the source."""
    value: Scalar = None
    is_scalar: bool = True
    """False: a list, a mapping, an alias, or a scalar with a tag that does not fit it."""


def read_list(text: str) -> tuple[ListEntry, ...]:
    """The entries; none where the text is empty or null. Raises ValueError, for people, for
    anything else."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"is longer than {MAX_CHARACTERS:,} characters")
    try:
        return tuple(_entries(text))
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise ValueError(f"is no YAML ({problem})") from None
    except UnicodeEncodeError:
        raise ValueError("holds a character that is not valid Unicode") from None


def _entries(text: str) -> Iterator[ListEntry]:
    depth = begin = 0
    for event in _nodes(text):
        if depth == 0:
            if _is_null(event):
                continue
            if not isinstance(event, yaml.SequenceStartEvent):
                raise ValueError("is no list")
        if isinstance(event, yaml.CollectionStartEvent):
            begin = _index(event.start_mark) if depth == 1 else begin
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if depth == 1:
                yield _other(text, begin, _index(event.end_mark))
        elif depth == 1:
            yield _entry(event, text)


def _nodes(text: str) -> Iterator[yaml.Event]:
    """The events of the one document."""
    documents = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise ValueError("is more than one YAML document")
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


def _is_null(event: yaml.Event) -> bool:
    entry = _scalar(event) if isinstance(event, yaml.ScalarEvent) else None
    return entry is not None and entry.is_scalar and entry.value is None


def _entry(event: yaml.Event, text: str) -> ListEntry:
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    return _other(text, _index(event.start_mark), _index(event.end_mark))


def _scalar(event: yaml.ScalarEvent) -> ListEntry:
    written: str = event.value
    if event.tag is None:
        return ListEntry(text=written, value=plain_scalar(written) if event.implicit[0] else written)
    try:
        return ListEntry(text=written, value=tagged_scalar(event.tag, written))
    except ValueError:
        tag = event.tag[:_SHOWN].replace("tag:yaml.org,2002:", "!!")
        return ListEntry(text=f"{tag} {written[:_SHOWN]}".rstrip(), is_scalar=False)


def _other(text: str, begin: int, end: int) -> ListEntry:
    return ListEntry(text=text[begin : min(end, begin + _SHOWN)].strip(), is_scalar=False)


def _index(mark: Any) -> int:
    """libyaml gives every event its marks."""
    return int(mark.index)
