"""Every strict type refuses what it does not know, and says what was probably meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from modelyard.resources.bases import Strict
from modelyard.resources.core import Secret, Service
from modelyard.resources.faults import Fault, Report
from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.kinds import KINDS
from modelyard.resources.shapes import check_shape


def struct_types() -> list[type[msgspec.Struct]]:
    """Every Struct that a manifest can hold, at any depth."""
    found: dict[type[msgspec.Struct], None] = {}

    def visit(kind: Any) -> None:
        if isinstance(kind, inspect.StructType):
            if kind.cls in found:
                return
            found[kind.cls] = None
            children = [field.type for field in kind.fields]
        else:
            children = [getattr(kind, name) for name in ("item_type", "value_type") if hasattr(kind, name)]
            children += getattr(kind, "types", ())
        for child in children:
            visit(child)

    for row in KINDS:
        visit(inspect.type_info(row.written_as or row.type))
    return list(found)


STRICT = [type_ for type_ in struct_types() if issubclass(type_, Strict)]


def faults(value: Any, type_: type[msgspec.Struct], **options: Any) -> list[Fault]:
    report = Report()
    check_shape(value, type_, report, **options)
    return report.faults


def test_there_are_strict_types():
    assert len(STRICT) > 60


@pytest.mark.parametrize("type_", STRICT, ids=lambda type_: type_.__name__)
def test_an_unknown_field_is_refused_with_a_suggestion(type_):
    known = [name for name in type_.__struct_encode_fields__ if name != "origin"]
    longest = max(known, key=len)
    misspelt = longest + "s"
    found = {fault.path: fault for fault in faults({misspelt: 1}, type_)}
    fault = found[misspelt,]
    assert fault.message == "unknown field"
    assert fault.suggestion == longest
    assert fault.allowed == tuple(known)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({misspelt: 1}, type_)


@pytest.mark.parametrize("type_", [type_ for type_ in struct_types() if type_ not in STRICT], ids=lambda t: t.__name__)
def test_parts_of_kubernetes_are_lenient(type_):
    assert ("somethingNew",) not in [fault.path for fault in faults({"somethingNew": 1}, type_)]


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ([], ("spec",), "must be a mapping, not a list"),
        ({"hostnames": "a"}, ("spec", "hostnames"), "must be a list, not the text 'a'; start each item with '- '"),
        ({"hostnames": [True]}, ("spec", "hostnames", 0), "not the boolean true (YAML reads"),
        ({"hostnames": [8]}, ("spec", "hostnames", 0), "must be a string, not the number 8; put it in quotes"),
        ({"rules": [{"backendRefs": [{}]}]}, ("spec", "rules", 0, "backendRefs", 0, "name"), "is required"),
        (
            {"parentRefs": [{"name": "a", "port": "80"}]},
            ("spec", "parentRefs", 0, "port"),
            "must be a whole number, not the text '80'; write it without quotes",
        ),
        ({"rules": [{"matches": [{"method": "PSOT"}]}]}, ("spec", "rules", 0, "matches", 0, "method"), "not valid"),
        ({"rules": [None]}, ("spec", "rules", 0), "must be a mapping, not nothing"),
    ],
)
def test_messages(spec, path, message):
    value = {"apiVersion": "v1", "kind": "HTTPRoute", "metadata": {}, "spec": spec}
    (fault,) = faults(value, HTTPRoute)
    assert fault.path == path
    assert message in fault.message


def test_a_choice_of_types():
    spec = {"ports": [{"port": 1, "targetPort": [1]}]}
    (fault,) = faults({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": spec}, Service)
    assert fault.message == "must be a whole number or a string, not a list"


def test_secret_values_are_not_shown():
    value = {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "stringData": {"a": 4711}}
    (fault,) = faults(value, Secret, secret=True)
    assert fault.message == "must be a string, not a number; put it in quotes"
