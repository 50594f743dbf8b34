from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.session_affinity import SessionAffinityScorer
from modelyard.picking.session_affinity import session_token


def test_the_sessions_endpoint_gets_one(build: Any) -> None:
    candidates = [build.candidate(index) for index in range(3)]
    scorer = build.policy(SessionAffinityScorer)
    scorer.new_fleet(candidates)
    asked = PickRequest("m", headers={"x-session-token": session_token(candidates[2].endpoint)})
    assert scorer.score(candidates, asked) == [0.0, 0.0, 1.0]
    assert list(scorer.boosts(asked)) == [(1.0, (2,))]
    assert list(scorer.boosts(PickRequest("m"))) == []


def test_an_id_is_remembered_when_its_request_starts(build: Any) -> None:
    candidates = [build.candidate(index) for index in range(3)]
    scorer = build.policy(SessionAffinityScorer, strategy="session_id")
    scorer.new_fleet(candidates)
    asked = PickRequest("m", headers={"x-session-id": "s"})
    assert scorer.score(candidates, asked) == [0.0, 0.0, 0.0]
    scorer.started(candidates[1], asked, 0.0)
    assert scorer.score(candidates, asked) == [0.0, 1.0, 0.0]
