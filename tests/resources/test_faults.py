from __future__ import annotations

import pytest

from modelyard.resources.faults import Report, render_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec", "listeners", 0, "name"), "spec.listeners[0].name"),
        (("metadata", "labels", "a.b/c"), 'metadata.labels["a.b/c"]'),
        ((0, "a"), "[0].a"),
        (("data", "my-key"), "data.my-key"),
    ],
)
def test_paths(path, text):
    assert render_path(path) == text


def test_reports_of_places_share_one_list():
    report = Report()
    report.at("a").fault("one")
    report.at("b", 1).check("two")
    report.at("c").check(None)
    report.require(True, "not this")
    report.require(
        False,
        "three",
    )
    assert [(fault.path, fault.message) for fault in report.faults] == [
        (("a",), "one"),
        (("b", 1), "two"),
        ((), "three"),
    ]


def test_a_flood_of_faults_is_cut():
    report = Report()
    for number in range(1000):
        report.at(number).fault("wrong")
    assert len(report.faults) == 50
