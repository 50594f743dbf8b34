from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.header_label_affinity import HeaderLabelAffinityScorer


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"x-zone": "a"}, [1.0, 0.0, 0.0]), ({"x-zone": "z"}, [0.0] * 3), ({}, [0.0] * 3), (None, [0.0] * 3)],
)
def test_the_label_must_equal_the_header(build: Any, headers: dict[str, str] | None, expected: list[float]) -> None:
    labels = [{"zone": "a"}, {"zone": "b"}, {}]
    candidates = [build.candidate(index, labels=each) for index, each in enumerate(labels)]
    scorer = build.policy(HeaderLabelAffinityScorer, header_name="X-Zone", label_key="zone")
    scorer.new_fleet(candidates)
    asked = PickRequest("m", headers=headers)
    assert scorer.score(candidates, asked) == scorer.base(candidates, scorer.key(asked)) == expected


def test_clients_cannot_make_keys_without_end(build: Any) -> None:
    scorer = build.policy(HeaderLabelAffinityScorer, header_name="X-Zone", label_key="zone")
    scorer.new_fleet([build.candidate(0, labels={"zone": "a"})])
    keys = {scorer.key(PickRequest("m", headers={"x-zone": str(index)})) for index in range(100)}
    assert keys == {None}
