"""Compares a plain value with a Struct type and says everything that does not fit.

``msgspec.convert`` does the real conversion and stops at its first error, with a path that leaves out keys.
This module is asked only after it failed: it walks the value and the type side by side, and knows the names
that are allowed at every place.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report

_SCALARS: dict[type, tuple[str, tuple[type, ...]]] = {
    inspect.StrType: ("a string", (str,)),
    inspect.IntType: ("a whole number", (int,)),
    inspect.FloatType: ("a number", (int, float)),
    inspect.BoolType: ("true or false", (bool,)),
}
_HIDDEN = frozenset({"origin"})


def check_shape(value: object, type_: type[msgspec.Struct], report: Report, *, secret: bool = False) -> None:
    """Reports unknown and missing fields, wrong types and values outside an enumeration.

    With ``secret`` no value appears in a message.
    """
    _Walker(secret).walk(value, _type_info(type_), report)


@cache
def _type_info(type_: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(type_)


class _Walker:
    """Walks one value; holds what does not change on the way."""

    def __init__(self, secret: bool) -> None:
        self._secret = secret

    def walk(self, value: object, kind: inspect.Type, report: Report) -> None:
        match kind:
            case inspect.StructType():
                self._struct(value, kind, report)
            case inspect.DictType():
                self._mapping(value, kind, report)
            case inspect.VarTupleType():
                self._list(value, kind, report)
            case inspect.LiteralType():
                self._literal(value, kind, report)
            case inspect.UnionType():
                self._union(value, kind, report)
            case inspect.BytesType():
                self._base64(value, report)
            case inspect.AnyType():
                pass
            case _:
                self._scalar(value, kind, report)

    def _struct(self, value: object, kind: inspect.StructType, report: Report) -> None:
        if not isinstance(value, dict):
            report.fault(f"must be a mapping, not {self._name(value)}")
            return
        fields = {field.encode_name: field for field in kind.fields if field.name not in _HIDDEN}
        for name, item in value.items():
            if name in fields:
                self.walk(item, fields[name].type, report.at(name))
            elif kind.forbid_unknown_fields:
                self._unknown(name, tuple(fields), report)
        for name, field in fields.items():
            if field.required and name not in value:
                report.at(name).fault("is required and missing")

    def _unknown(self, name: str, allowed: tuple[str, ...], report: Report) -> None:
        report.at(name).fault("unknown field", allowed=allowed, suggestion=nearest(name, allowed))

    def _mapping(self, value: object, kind: inspect.DictType, report: Report) -> None:
        if not isinstance(value, dict):
            report.fault(f"must be a mapping, not {self._name(value)}")
            return
        for key, item in value.items():
            self.walk(item, kind.value_type, report.at(key))

    def _list(self, value: object, kind: inspect.VarTupleType, report: Report) -> None:
        if not isinstance(value, list):
            report.fault(f"must be a list, not {self._name(value)}; start each item with '- '")
            return
        for index, item in enumerate(value):
            self.walk(item, kind.item_type, report.at(index))

    def _literal(self, value: object, kind: inspect.LiteralType, report: Report) -> None:
        if value in kind.values and not isinstance(value, bool):
            return
        allowed = tuple(str(item) for item in kind.values)
        suggestion = nearest(value, allowed) if isinstance(value, str) else ""
        report.fault(f"{self._name(value)} is not valid here", allowed=allowed, suggestion=suggestion)

    def _union(self, value: object, kind: inspect.UnionType, report: Report) -> None:
        options = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
        if value is None and len(options) < len(kind.types):
            return
        options = [option for option in options if _same_form(value, option)] or options
        if len(options) == 1:
            self.walk(value, options[0], report)
            return
        if not any(_fits(value, option) for option in options if type(option) in _SCALARS):
            names = " or ".join(_form(option) for option in options)
            report.fault(f"must be {names}, not {self._name(value)}")

    def _scalar(self, value: object, kind: inspect.Type, report: Report) -> None:
        if _fits(value, kind):
            return
        expected = _SCALARS[type(kind)][0]
        report.fault(f"must be {expected}, not {self._name(value)}{_quoting(value, kind)}")

    def _base64(self, value: object, report: Report) -> None:
        if not isinstance(value, str):
            report.fault(f"must be base64 text, not {self._name(value)}")
            return
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            report.fault("is not valid base64; put plain text under stringData")

    def _name(self, value: object) -> str:
        match value:
            case None:
                return "nothing"
            case dict():
                return "a mapping"
            case list():
                return "a list"
        noun = {bool: "the boolean", int: "the number", float: "the number", str: "the text"}[type(value)]
        if self._secret:
            return noun.replace("the", "a", 1)
        return f"{noun} {str(value).lower() if isinstance(value, bool) else shown(value)}"


def _form(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.VarTupleType):
        return "a list"
    return _SCALARS[type(kind)][0] if type(kind) in _SCALARS else "a mapping"


def _same_form(value: object, kind: inspect.Type) -> bool:
    """Whether both are a mapping, or both a list: then only this alternative of a union can be meant."""
    if isinstance(value, dict):
        return isinstance(kind, inspect.StructType | inspect.DictType)
    return isinstance(value, list) and isinstance(kind, inspect.VarTupleType)


def _fits(value: object, kind: inspect.Type) -> bool:
    types = _SCALARS[type(kind)][1]
    return isinstance(value, types) and (isinstance(value, bool) == (bool in types))


def _quoting(value: Any, kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StrType):
        if isinstance(value, bool):
            return " (YAML reads unquoted yes, no, on, off, true and false so); put it in quotes"
        if isinstance(value, int | float):
            return "; put it in quotes"
    elif isinstance(value, str) and value.strip().lstrip("+-").replace(".", "", 1).isdigit():
        return "; write it without quotes"
    return ""
