from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from modelyard.resources.faults import Report
from modelyard.resources.kinds import KINDS
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet, decode_objects, encode_objects
from modelyard.resources.shapes import check_shape

_SCALARS = {
    inspect.StrType: st.text("ab/.-é", max_size=6),
    inspect.IntType: st.integers(0, 70_000),
    inspect.FloatType: st.floats(0, 10, allow_nan=False),
    inspect.BoolType: st.booleans(),
    inspect.BytesType: st.binary(max_size=6),
    inspect.NoneType: st.none(),
    inspect.AnyType: st.integers(0, 9) | st.text("ab", max_size=3),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as deep as the type goes."""
    match kind:
        case inspect.StructType():
            fields = {field.name: values(field.type) for field in kind.fields}
            required = {field.name for field in kind.fields if field.required}
            some = {name: found for name, found in fields.items() if name not in required}
            return st.fixed_dictionaries({name: fields[name] for name in required}, optional=some).map(
                lambda given: kind.cls(**given)
            )
        case inspect.DictType():
            return st.dictionaries(st.text("abc", min_size=1, max_size=3), values(kind.value_type), max_size=2)
        case inspect.VarTupleType():
            return st.lists(values(kind.item_type), max_size=2).map(tuple)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.UnionType():
            return st.one_of([values(option) for option in kind.types])
        case _:
            return _SCALARS[type(kind)]


@pytest.mark.parametrize("row", KINDS, ids=lambda row: f"{row.kind}-{row.group}")
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(data=st.data())
def test_any_object_survives_the_way_to_a_worker(row, data):
    resource = data.draw(values(inspect.type_info(row.type)))
    sent, errors = ResourceSet.of([resource])
    assert errors == ()
    assert decode_objects(encode_objects(sent)) == sent
    report = Report()
    check_shape(json.loads(msgspec.json.encode(resource)), row.type, report)
    assert [fault for fault in report.faults if fault.path != ("origin",)] == []


def test_lookups_by_namespace_and_name(any_valid):
    (resource,) = load_documents(json.dumps(any_valid), "f.yaml").objects
    resources, _ = ResourceSet.of([resource])
    (found,) = list(resources)
    assert found is resource
    (key,) = [
        key
        for name in resources.__struct_fields__
        if isinstance(named := getattr(resources, name), Mapping)
        for key in named
    ]
    cluster = any_valid["kind"] in ("GatewayClass", "Namespace")
    assert key == ("" if cluster else "default", any_valid.get("metadata", {}).get("name"))


def test_duplicates_name_both_places():
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {which: %s}\n"
    first = load_documents(text % "one", "one.yaml").objects
    second = load_documents("\n" + text % "two", "two.yaml").objects
    resources, (error,) = ResourceSet.of([*first, *second])
    assert resources.config_maps["default", "a"].data["which"] == "one"
    assert str(error) == (
        "two.yaml:2: document 1: ConfigMap default/a: is already defined at one.yaml:1; "
        "rename one of the two or remove it"
    )


def test_values_and_unused_kinds_are_kept():
    text = "bbr: {plugins: []}\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\n"
    resources, _ = ResourceSet.of(load_documents(text, "f.yaml").objects)
    assert len(resources.bbr_values) == 1
    (job,) = resources.unsupported
    assert (job.kind, job.metadata.name, job.reason) == (
        "CronJob",
        "j",
        "this version runs Deployments, RayServices and Jobs that fetch models",
    )
    assert decode_objects(encode_objects(resources)) == resources
