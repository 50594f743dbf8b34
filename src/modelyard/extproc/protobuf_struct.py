"""``google.protobuf.Struct`` to plain values and back: what ext_proc carries dynamic metadata in."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

from modelyard.extproc.protobuf_wire import LENGTH, MalformedMessage, fields, nested

Plain: TypeAlias = "bool | float | str | list[Plain] | dict[str, Plain] | None"

MAX_DEPTH = 32
"""Deepest nesting that is read; deeper values count as None. What is used here is two levels deep."""

_NULL, _NUMBER, _TEXT, _BOOLEAN, _STRUCT, _LIST = range(1, 7)
_double = struct.Struct("<d")
_NUMBER_TAG = bytes((_NUMBER << 3 | 1,))
"""Eight bytes follow."""


def read_struct(data: bytes, start: int, end: int, depth: int = 0) -> dict[str, Plain]:
    """The fields of a Struct message. Raises MalformedMessage."""
    found: dict[str, Plain] = {}
    for number, kind, at, stop in fields(data, start, end):
        if number == 1 and kind == LENGTH:
            key, value_at, value_end = map_entry(data, at, stop)
            found[key] = _value(data, value_at, value_end, depth)
    return found


def map_entry(data: bytes, start: int, end: int) -> tuple[str, int, int]:
    """Key of one entry of a map, and where its value's message stands."""
    key, value_at, value_end = "", 0, 0
    for number, kind, at, stop in fields(data, start, end):
        if kind != LENGTH:
            continue
        if number == 1:
            key = text(data[at:stop])
        elif number == 2:
            value_at, value_end = at, stop
    return key, value_at, value_end


def text(data: bytes) -> str:
    """A string field. Raises MalformedMessage."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MalformedMessage("a text that is not UTF-8") from None


def _value(data: bytes, start: int, end: int, depth: int) -> Plain:
    value: Plain = None
    for number, kind, at, stop in fields(data, start, end):
        if number == _TEXT and kind == LENGTH:
            value = text(data[at:stop])
        elif number == _BOOLEAN and kind != LENGTH:
            value = bool(at)
        elif number == _NUMBER and stop - at == _double.size:
            value = _double.unpack_from(data, at)[0]
        elif number == _STRUCT and kind == LENGTH:
            value = read_struct(data, at, stop, depth + 1) if depth < MAX_DEPTH else None
        elif number == _LIST and kind == LENGTH:
            value = _list(data, at, stop, depth + 1) if depth < MAX_DEPTH else None
        elif number == _NULL:
            value = None
    return value


def _list(data: bytes, start: int, end: int, depth: int) -> list[Plain]:
    return [
        _value(data, at, stop, depth)
        for number, kind, at, stop in fields(data, start, end)
        if number == 1 and kind == LENGTH
    ]


def struct_of(namespaces: Mapping[str, Mapping[str, str | Mapping[str, float]]]) -> bytes:
    """A Struct of Structs of texts, or of numbers by name: dynamic metadata, by namespace and key."""
    return b"".join(
        _entry(namespace, nested(_STRUCT, *(_entry(key, _written(value)) for key, value in row.items())))
        for namespace, row in namespaces.items()
    )


def _written(value: str | Mapping[str, float]) -> bytes:
    if isinstance(value, str):
        return nested(_TEXT, value.encode())
    return nested(_STRUCT, *(_entry(name, _NUMBER_TAG + _double.pack(number)) for name, number in value.items()))


def _entry(key: str, value: bytes) -> bytes:
    return nested(1, nested(1, key.encode()), nested(2, value))
