from __future__ import annotations

import random
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.flow.ordering import new_line
from modelyard.flow.tickets import Offer, Ticket


def ticket(index: int, at: float = 0.0, deadline: float = inf) -> Ticket:
    return Ticket(id=index, offer=Offer(deadline=deadline), queued_at=at)


def order(ordering: Any, tickets: list[Ticket], ttl: float | None = 60.0) -> list[int]:
    line = new_line(ordering, ttl)
    for each in tickets:
        line.add(each)
    return [line.take().id for _ in range(len(line))]


def test_first_come_first_served() -> None:
    tickets = [ticket(1, deadline=9.0), ticket(2, deadline=1.0), ticket(3)]
    assert order("fcfs-ordering-policy", tickets) == [1, 2, 3]


def test_the_earliest_deadline_first() -> None:
    tickets = [ticket(1, at=0.0), ticket(2, at=5.0, deadline=7.0), ticket(3, at=6.0, deadline=6.5), ticket(4, at=6.0)]
    assert order("edf-ordering-policy", tickets) == [3, 2, 1, 4]
    assert order("edf-ordering-policy", tickets, ttl=None) == [3, 2, 1, 4]
    assert order("slo-deadline-ordering-policy", tickets) == [3, 2, 1, 4]


@pytest.mark.parametrize("ordering", ["fcfs-ordering-policy", "edf-ordering-policy", "slo-deadline-ordering-policy"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_every_request_leaves_once_and_removed_ones_are_gone(ordering: Any, seed: int) -> None:
    rng, line, waiting = random.Random(seed), new_line(ordering, 60.0), {}
    for index in range(80):
        action = rng.choice(["add", "add", "take", "remove"])
        if action == "add":
            waiting[index] = ticket(index, deadline=rng.choice([1.0, 5.0, inf]))
            line.add(waiting[index])
        elif waiting and action == "take":
            del waiting[line.take().id]
        elif waiting:
            line.remove(waiting.pop(rng.choice(sorted(waiting))))
        assert len(line) == len(waiting)
    assert sorted(line.take().id for _ in range(len(line))) == sorted(waiting)


def test_cancelled_requests_leave_no_memory() -> None:
    line = new_line("edf-ordering-policy", 60.0)
    for index in range(1000):
        line.add(ticket(index))
        line.remove(ticket(index))
    assert len(line._heap) <= 16  # type: ignore[attr-defined]
