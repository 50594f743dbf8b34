from __future__ import annotations

from math import inf
from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.roster import OwnRequests, Roster


def test_an_endpoint_keeps_its_slot_and_a_free_slot_is_used_again(build: Any) -> None:
    roster = Roster()
    roster.update(build.equal_fleet(3), 0.0)
    slots = {address: candidate.slot for address, candidate in roster.by_address.items()}
    gone = roster.update(build.fleet([build.state(i) for i in (2, 0)], 2), 0.0)
    assert [candidate.endpoint.address for candidate in gone] == [build.address(1)]
    roster.update(build.fleet([build.state(i) for i in (9, 0, 2)], 3), 0.0)
    assert roster.by_address[build.address(0)].slot == slots[build.address(0)]
    assert roster.by_address[build.address(9)].slot == slots[build.address(1)]
    assert len(roster.slots) == 3
    assert [c.endpoint.address for c in roster.ready] == [build.address(i) for i in (9, 0, 2)]


def test_only_ready_endpoints_are_candidates(build: Any) -> None:
    roster = Roster()
    roster.update(build.fleet([build.state(0), build.state(1, ready=False)]), 0.0)
    assert [candidate.endpoint.address for candidate in roster.ready] == [build.address(0)]
    assert roster.size == 2


def test_the_next_reading_to_become_stale_is_known(build: Any) -> None:
    roster = Roster()
    assert roster.stale_at == inf
    states = [build.state(0, EngineLoad(at=1.0)), build.state(1, EngineLoad(at=3.0)), build.state(2)]
    roster.update(build.fleet(states), 3.0)
    assert roster.stale_at == 3.0
    roster.refresh(3.5)
    assert roster.stale_at == 5.0
    assert roster.by_address[build.address(0)].load is None
    roster.refresh(9.0)
    assert roster.stale_at == inf


def test_own_requests_are_a_live_view(build: Any) -> None:
    roster = Roster()
    own = OwnRequests(roster)
    roster.update(build.equal_fleet(2), 0.0)
    roster.by_address[build.address(0)].start(0.0, 0)
    roster.start_departed("gone:1")
    assert dict(own) == {build.address(0): 1, "gone:1": 1}
    assert own.get(build.address(1), 0) == 0
    roster.finish_departed("gone:1")
    roster.finish_departed("gone:1")
    assert dict(own) == {build.address(0): 1}


def test_an_address_that_is_listed_twice_is_one_endpoint(build: Any) -> None:
    roster = Roster()
    roster.update(build.fleet([build.state(0), build.state(0)]), 0.0)
    assert len(roster.ready) == 1
