from __future__ import annotations

from modelyard.resources.apps import Deployment
from modelyard.resources.kinds import KINDS, KINDS_BY_NAME
from modelyard.resources.resource_set import ResourceSet


def test_every_row_has_its_place():
    assert len(KINDS_BY_NAME) == len(KINDS)
    assert {row.field for row in KINDS} == set(ResourceSet.__struct_fields__) - {"bbr_values", "unsupported"}


def test_strictness_follows_the_type():
    lenient = {row.kind for row in KINDS if not row.strict}
    assert lenient == {"Pod", "Namespace", "Deployment", "Job", "LeaderWorkerSet"}


def test_api_versions():
    assert KINDS_BY_NAME["", "Service"].api_versions == ("v1",)
    assert KINDS_BY_NAME["apps", "Deployment"].api_versions == ("apps/v1",)
    assert KINDS_BY_NAME["apps", "Deployment"].type is Deployment
