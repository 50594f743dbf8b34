"""Admission as a transcript of offers and steps."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.flow.admission import Admission, Admitted, Offer, Queued, Shed
from modelyard.flow.config import BandConfig, FlowConfig

IDLE, FULL = 0.2, 1.0


def gated(**config: Any) -> Admission:
    return Admission(FlowConfig(enabled=True, **config))


def queue(admission: Admission, *offers: Offer, now: float = 0.0) -> list[int]:
    """Offers while the pool is full; the ids of their tickets."""
    verdicts = [admission.offer(offer, now, FULL) for offer in offers]
    assert all(isinstance(verdict, Queued) for verdict in verdicts)
    return [verdict.ticket.id for verdict in verdicts]  # type: ignore[union-attr]


def drain(admission: Admission, now: float = 1.0) -> list[int]:
    """Everything that goes on once the pool has room, in order."""
    order: list[int] = []
    while admission.queued:
        admission.completed()
        order += [ticket.id for ticket in admission.step(now, IDLE)[0]]
    return order


@pytest.mark.parametrize(
    ("priority", "saturation", "verdict"),
    [(0, 5.0, Admitted), (10, 5.0, Admitted), (-1, 0.99, Admitted), (-1, 1.0, Shed), (-9, 3.0, Shed)],
)
def test_without_the_gate_only_sheddable_requests_are_refused(
    priority: int, saturation: float, verdict: type[Any]
) -> None:
    admission = Admission(FlowConfig())
    assert not admission.enabled
    assert isinstance(admission.offer(Offer(priority=priority), 0.0, saturation), verdict)


def test_a_refusal_says_when_to_come_back() -> None:
    refused = Admission(FlowConfig()).offer(Offer(priority=-1), 0.0, 1.5)
    assert refused == Shed(reason="rejected-saturated", retry_after=2, status=429)


def test_with_room_and_nobody_waiting_a_request_goes_on() -> None:
    assert isinstance(gated().offer(Offer(), 0.0, 0.99), Admitted)
    assert isinstance(gated(usage_limit=0.8).offer(Offer(), 0.0, 0.8), Queued)


def test_nobody_overtakes_those_who_wait() -> None:
    admission = gated()
    first = queue(admission, Offer())
    assert isinstance(admission.offer(Offer(), 0.1, IDLE), Queued)
    assert drain(admission)[:1] == first


def test_higher_bands_go_first() -> None:
    admission = gated()
    ids = queue(admission, Offer(priority=-1), Offer(), Offer(priority=5), Offer(), Offer(priority=5))
    assert drain(admission) == [ids[2], ids[4], ids[1], ids[3], ids[0]]


def test_round_robin_between_fairness_ids() -> None:
    admission = gated(default_band=BandConfig(fairness="round-robin-fairness-policy"))
    ids = queue(admission, *(Offer(fairness_id=who) for who in "aaab"))
    assert drain(admission) == [ids[0], ids[3], ids[1], ids[2]]


def test_earliest_deadline_first() -> None:
    admission = gated(default_band=BandConfig(ordering="edf-ordering-policy"))
    ids = queue(admission, Offer(), Offer(deadline=3.0), Offer(deadline=2.0))
    assert drain(admission) == [ids[2], ids[1], ids[0]]


def test_while_full_nobody_goes_on_and_after_it_some_at_a_time() -> None:
    admission = gated()
    queue(admission, *[Offer()] * 100)
    assert admission.step(1.0, FULL) == ([], [])
    counts = [len(admission.step(1.0 + 0.06 * step, IDLE)[0]) for step in range(1, 5)]
    assert counts == [1, 2, 4, 8]
    assert len(admission.step(1.4, FULL)[0]) == 0


@pytest.mark.parametrize(
    "config",
    [
        {"default_band": BandConfig(max_requests=2)},
        {"default_band": BandConfig(max_bytes=250)},
        {"max_requests": 2},
        {"max_bytes": 250},
    ],
)
def test_a_full_queue_refuses_and_has_room_again(config: dict[str, Any]) -> None:
    admission = gated(**config)
    first, _ = queue(admission, Offer(size=100), Offer(size=100))
    assert isinstance(admission.offer(Offer(size=100), 0.0, FULL), Shed)
    admission.cancel(first)
    assert isinstance(admission.offer(Offer(size=100), 0.0, FULL), Queued)


def test_a_band_that_is_full_leaves_others_alone() -> None:
    admission = gated(bands=(BandConfig(priority=0, max_requests=1),))
    queue(admission, Offer(), Offer(priority=1), Offer(priority=1))
    assert isinstance(admission.offer(Offer(), 0.0, FULL), Shed)


def test_who_waits_too_long_is_given_back() -> None:
    admission = gated(default_ttl=10.0)
    ids = [*queue(admission, Offer(priority=3), now=0.0), *queue(admission, Offer(), now=5.0)]
    assert admission.step(9.9, FULL) == ([], [])
    assert [ticket.id for ticket in admission.step(10.0, FULL)[1]] == ids[:1]
    assert [ticket.id for ticket in admission.step(16.0, FULL)[1]] == ids[1:]
    assert admission.queued == 0


def test_without_endpoints_another_time_to_live_applies_and_nobody_goes_on() -> None:
    admission = gated(default_ttl=100.0, no_endpoint_ttl=1.0)
    ids = queue(admission, Offer(), Offer())
    assert admission.step(0.5, IDLE, has_endpoints=False) == ([], [])
    admitted, expired = admission.step(1.0, IDLE, has_endpoints=False)
    assert (list(admitted), [ticket.id for ticket in expired]) == ([], ids)


def test_waiting_for_ever() -> None:
    admission = gated(default_ttl=None)
    queue(admission, Offer())
    assert admission.step(1e9, FULL) == ([], [])


def test_cancelling_is_idempotent_and_unknown_tickets_are_ignored() -> None:
    admission = gated()
    (ticket,) = queue(admission, Offer())
    for _ in range(2):
        admission.cancel(ticket)
    admission.cancel(999)
    assert admission.queued == 0
    assert admission.step(1.0, IDLE) == ([], [])


def test_the_time_to_come_back_follows_the_drain_rate_and_the_queue() -> None:
    admission = gated(max_requests=99)
    for tenth in range(100):
        admission.offer(Offer(), tenth / 10, IDLE)
        admission.completed()
    queue(admission, *[Offer()] * 99, now=10.0)
    refused = admission.offer(Offer(), 10.0, FULL)
    assert isinstance(refused, Shed)
    assert 9 <= refused.retry_after <= 12


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_every_request_ends_once_and_the_books_balance(seed: int) -> None:
    rng = random.Random(seed)
    fairness, ordering = rng.choice(["global-strict", "round-robin"]), rng.choice(["fcfs", "edf", "slo-deadline"])
    band = BandConfig(
        max_requests=8,
        max_bytes=400,
        fairness=f"{fairness}-fairness-policy",  # type: ignore[arg-type]
        ordering=f"{ordering}-ordering-policy",  # type: ignore[arg-type]
    )
    admission = gated(default_band=band, max_requests=15, default_ttl=3.0)
    waiting: set[int] = set()
    now = 0.0
    for _ in range(150):
        now += rng.choice([0.0, 0.05, 0.5])
        saturation = rng.choice([IDLE, FULL])
        match rng.choice(["offer", "offer", "offer", "step", "cancel", "completed"]):
            case "offer":
                offer = Offer(
                    priority=rng.randint(-2, 2),
                    fairness_id=rng.choice("abc"),
                    size=rng.randrange(120),
                    deadline=now + rng.random() * 5,
                )
                verdict = admission.offer(offer, now, saturation)
                if isinstance(verdict, Queued):
                    assert verdict.ticket.id not in waiting
                    waiting.add(verdict.ticket.id)
                elif isinstance(verdict, Admitted):
                    assert not waiting
            case "step":
                admitted, expired = admission.step(now, saturation)
                left = [ticket.id for ticket in (*admitted, *expired)]
                assert len(set(left)) == len(left)
                assert set(left) <= waiting
                assert saturation == IDLE or not admitted
                assert all(ticket.queued_at + 3.0 <= now for ticket in expired)
                assert all(ticket.queued_at + 3.0 > now for ticket in admitted)
                waiting -= set(left)
            case "cancel" if waiting:
                ticket = rng.choice(sorted(waiting))
                admission.cancel(ticket)
                waiting.discard(ticket)
            case "completed":
                admission.completed()
        assert admission.queued == len(waiting) <= 15
        assert sum(band.requests for band in admission._bands.values()) == len(waiting)
        assert all(0 < band.requests <= 8 and 0 <= band.bytes <= 400 for band in admission._bands.values())
        assert admission._bytes == sum(band.bytes for band in admission._bands.values())
