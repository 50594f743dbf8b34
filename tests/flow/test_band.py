from __future__ import annotations

from typing import Any

from modelyard.flow.band import Band
from modelyard.flow.config import BandConfig
from modelyard.flow.tickets import Offer, Ticket


def ticket(index: int, who: str = "a", size: int = 10) -> Ticket:
    return Ticket(id=index, offer=Offer(fairness_id=who, size=size), queued_at=0.0)


def filled(whos: str, **config: Any) -> Band:
    band = Band(BandConfig(**config), 60.0)
    for index, who in enumerate(whos):
        band.add(ticket(index, who))
    return band


def drained(band: Band) -> str:
    return "".join(band.take().offer.fairness_id for _ in range(band.requests))


def test_each_fairness_id_in_turn() -> None:
    assert drained(filled("aaaabcb", fairness="round-robin-fairness-policy")) == "abcabaa"


def test_one_order_for_all() -> None:
    assert drained(filled("aaaabcb")) == "aaaabcb"


def test_room_in_requests_and_bytes() -> None:
    assert not filled("aa", max_requests=2).has_room(Offer())
    assert filled("aa", max_bytes=25).has_room(Offer(size=5))
    assert not filled("aa", max_bytes=25).has_room(Offer(size=6))


def test_ids_that_wait_no_more_cost_nothing() -> None:
    band = filled("abc", fairness="round-robin-fairness-policy")
    band.remove(ticket(1, "b"))
    band.take()
    assert list(band._lines) == ["c"]
    band.take()
    assert (band.requests, band.bytes, len(band._lines)) == (0, 0, 0)
