from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.session_affinity import session_token

CONFIG = "plugins: [{type: session-affinity-filter}, {type: active-request-scorer}]"


def test_a_session_stays_and_an_unknown_one_goes_anywhere(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(100), CONFIG)
    home = build.state(42).endpoint
    asked = PickRequest("m", headers={"x-session-token": session_token(home)})
    for _ in range(20):
        scheduler.started(home.address, asked)
        assert scheduler.pick(asked, 0.1).targets[0] == home
    lost = PickRequest("m", headers={"x-session-token": "bm9ib2R5"})
    assert scheduler.pick(lost, 0.1).targets[0] != home


def test_a_session_moves_when_its_endpoint_is_out(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(3), CONFIG)
    home = build.state(1).endpoint
    asked = PickRequest("m", headers={"x-session-token": session_token(home)})
    assert scheduler.pick(asked, 0.1, exclude=[home.address]).targets[0] != home
    assert scheduler.pick(asked, 0.1, subset=[build.address(2)]).targets[0].address == build.address(2)
    scheduler.update(build.fleet([build.state(0), build.state(1, ready=False)], 2), 0.1)
    assert scheduler.pick(asked, 0.1).targets[0].address == build.address(0)


def test_answers_should_carry_a_token_only_where_a_policy_reads_it(build: Any) -> None:
    assert build.scheduler(build.equal_fleet(1), CONFIG).session_header == "x-session-token"
    assert build.scheduler(build.equal_fleet(1)).session_header == ""
    by_id = "plugins: [{type: session-affinity-filter, parameters: {strategy: session_id}}]"
    assert build.scheduler(build.equal_fleet(1), by_id).session_header == ""
