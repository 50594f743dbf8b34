from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.label_selector import LabelSelectorFilter
from modelyard.resources.label_selector import LabelSelectorRequirement


def kept(build: Any, **parameters: Any) -> list[int]:
    labels = [{"zone": "a"}, {"zone": "b"}, {}]
    candidates = [build.candidate(index, labels=each) for index, each in enumerate(labels)]
    policy = build.policy(LabelSelectorFilter, **parameters)
    return [candidate.slot for candidate in policy.keep(candidates, PickRequest("m"))]


def test_labels_must_match(build: Any) -> None:
    assert kept(build, match_labels={"zone": "a"}) == [0]


def test_expressions_must_match(build: Any) -> None:
    exists = LabelSelectorRequirement(key="zone", operator="Exists")
    other = LabelSelectorRequirement(key="zone", operator="NotIn", values=("a",))
    assert kept(build, match_expressions=(exists, other)) == [1]


def test_an_empty_selector_matches_all(build: Any) -> None:
    assert kept(build) == [0, 1, 2]
