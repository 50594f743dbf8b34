from __future__ import annotations

from typing import Any

from modelyard.picking.points import NEVER, POINT
from modelyard.picking.scorers.header_label_affinity import HeaderLabelAffinityScorer
from modelyard.picking.view import MAX_RANKINGS, View, no_slots


def test_rankings_are_kept_per_key_and_bounded(build: Any) -> None:
    candidates = [build.candidate(index, labels={"zone": zone}) for index, zone in enumerate("ab")]
    static = no_slots(3)
    static[0] = static[1] = 7
    scorer = build.policy(HeaderLabelAffinityScorer, header_name="x-zone", label_key="zone")
    view = View(candidates, static, [(2.0, scorer)])
    assert view.ranking("a").static == [7 + 2 * POINT, 7, NEVER]
    assert view.ranking(("b",)).static == [7, 7 + 2 * POINT, NEVER]
    assert view.ranking("a") is view.ranking("a")
    assert view.slots == [0, 1]
    for index in range(100):
        view.ranking(str(index))
    assert len(view._rankings) == MAX_RANKINGS
