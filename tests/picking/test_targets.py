"""Fallbacks are worked out once, when looked at."""

from __future__ import annotations

from modelyard.fleet.endpoints import Endpoint
from modelyard.picking.targets import Targets

ONE, TWO = Endpoint(address="a:1"), Endpoint(address="b:1")


def test_the_primary_costs_nothing_and_fallbacks_are_picked_once() -> None:
    calls = []

    def fallbacks() -> list[Endpoint]:
        calls.append(1)
        return [TWO]

    targets = Targets(ONE, fallbacks)
    assert targets[0] is ONE
    assert calls == []
    assert list(targets) == [ONE, TWO]
    assert targets[1:] == [TWO]
    assert targets[-1] is TWO
    assert len(targets) == 2
    assert "b:1" in repr(targets)
    assert calls == [1]
