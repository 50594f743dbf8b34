from __future__ import annotations

from modelyard.control.generations import numbered
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r%s}
spec: {hostnames: [%s], parentRefs: [{name: gw}]}
"""


def load(text: str) -> ResourceSet:
    found = load_documents(text, "test.yaml")
    assert not found.errors
    return ResourceSet.of(found.objects)[0]


def generation(resources: ResourceSet) -> int:
    return resources.http_routes["default", "r"].metadata.generation


def test_a_new_object_has_the_first_generation() -> None:
    assert generation(numbered(load(ROUTE % ("", "a.test")), ResourceSet())) == 1


def test_a_change_counts_and_metadata_or_another_place_in_the_file_do_not() -> None:
    first = numbered(load(ROUTE % ("", "a.test")), ResourceSet())
    labelled = numbered(load("\n\n" + ROUTE % (", labels: {a: b}", "a.test")), first)
    assert generation(labelled) == 1
    assert labelled.http_routes["default", "r"].metadata.labels == {"a": "b"}
    changed = numbered(load(ROUTE % ("", "b.test")), labelled)
    assert generation(changed) == 2
    assert generation(numbered(load(ROUTE % ("", "b.test")), changed)) == 2


def test_a_generation_that_the_file_names_stays() -> None:
    first = numbered(load(ROUTE % ("", "a.test")), ResourceSet())
    assert generation(numbered(load(ROUTE % (", generation: 7", "a.test")), first)) == 7


def test_an_object_that_came_back_is_new() -> None:
    changed = numbered(load(ROUTE % ("", "b.test")), numbered(load(ROUTE % ("", "a.test")), ResourceSet()))
    assert generation(numbered(load(ROUTE % ("", "b.test")), numbered(ResourceSet(), changed))) == 1
