from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.resources.bases import Origin
from modelyard.resources.loading import load_documents, load_value
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.unsupported import Unsupported
from modelyard.resources.yaml_writing import yaml_documents
from modelyard.shortform.expansion import expand, expanded
from modelyard.shortform.target import Target
from modelyard.snapshot import build_snapshot

from .yards import FOLDER, yard, yards

TARGETS = st.sampled_from(Target)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@FEW
@given(written=yards(), target=TARGETS)
def test_every_valid_yard_is_made_of_objects_that_load_strictly_and_have_names_of_their_own(written, target):
    loaded = [load_value(manifest, written.origin) for manifest in expand(written, target, FOLDER)]
    assert [error for result in loaded for error in result.errors] == []
    objects = [item for result in loaded for item in result.objects]
    _, duplicates = ResourceSet.of(objects)
    assert duplicates == ()
    assert {item.kind for item in objects if isinstance(item, Unsupported)} <= {"PersistentVolumeClaim"}


@FEW
@given(written=yards(), target=TARGETS)
def test_what_is_printed_loads_again_to_equal_objects(written, target):
    manifests = expand(written, target, FOLDER)
    printed = load_documents(yaml_documents(manifests), "printed.yaml")
    assert printed.errors == ()
    direct = [load_value(manifest, Origin()).objects[0] for manifest in manifests]
    assert len(printed.objects) == len(direct)
    for read, made in zip(printed.objects, direct, strict=True):
        assert type(read) is type(made)
        assert {name: getattr(read, name) for name in read.__struct_fields__ if name != "origin"} == {
            name: getattr(made, name) for name in made.__struct_fields__ if name != "origin"
        }


@FEW
@given(written=yards())
def test_everything_that_it_stands_for_is_accepted(written):
    result = expanded(written, FOLDER)
    assert result.errors == ()
    snapshot = build_snapshot(ResourceSet.of(result.objects)[0])
    assert snapshot.problems == ()
    assert {item.origin for item in result.objects} == {written.origin}
    assert written.origin.source == "y.yaml"


def test_a_change_of_one_model_leaves_the_objects_of_the_others_as_they_are():
    models = [{"name": "a", "source": "org/a"}, {"name": "b", "source": "org/b"}]
    before = expand(yard(models=models), Target.LOCAL, FOLDER)
    after = expand(yard(models=[models[0], models[1] | {"replicas": 2}]), Target.LOCAL, FOLDER)
    changed = [was for was, now in zip(before, after, strict=True) if was != now]
    assert [(item["kind"], item["metadata"]["name"]) for item in changed] == [("Deployment", "b")]


def test_three_models_and_two_adapters_take_at_most_20_lines():
    page = (Path(__file__).parents[2] / "docs" / "short-form.md").read_text()
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    assert len(example.splitlines()) <= 20
    (written,) = load_documents(example, "yard.yaml").objects
    assert [len(model.adapters) for model in written.spec.models] == [2, 0, 0]
    assert expanded(written, FOLDER).errors == ()
