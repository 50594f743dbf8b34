"""The scheduler's life: bursts, readings, endpoints that come and go, reasons."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.config import scheduler_config
from modelyard.picking.contract import NoEndpoint, PickRequest
from modelyard.picking.scheduler import Scheduler

COLD = PickRequest("m", "m")
CHAT = PickRequest("m", "m", b"the same long prompt " * 400)


def burst(scheduler: Scheduler, asked: PickRequest, count: int, now: float = 0.05) -> Counter[str]:
    """Picks and starts requests that all stay open; how many went where."""
    counts: Counter[str] = Counter()
    for _ in range(count):
        target = scheduler.pick(asked, now).targets[0].address
        scheduler.started(target, asked)
        counts[target] += 1
    return counts


@pytest.mark.parametrize("asked", [COLD, CHAT], ids=["no prefix", "identical prompts"])
@pytest.mark.parametrize("seed", range(5))
def test_a_burst_between_two_readings_is_spread(build: Any, asked: PickRequest, seed: int) -> None:
    counts = burst(build.scheduler(build.equal_fleet(4), seed=seed), asked, 200)
    assert len(counts) == 4
    assert all(40 <= count <= 60 for count in counts.values())


def test_a_burst_on_engines_without_metrics_is_spread(build: Any) -> None:
    counts = burst(build.scheduler(build.fleet([build.state(i) for i in range(4)])), COLD, 200)
    assert all(count == 50 for count in counts.values())


def test_several_workers_that_know_nothing_of_each_other_do_not_herd(build: Any) -> None:
    counts: Counter[str] = Counter()
    for seed in range(8):
        counts += burst(build.scheduler(build.equal_fleet(4), seed=seed), COLD, 25)
    assert all(40 <= count <= 60 for count in counts.values())


def test_the_better_endpoint_gets_more_of_a_burst_but_not_all(build: Any) -> None:
    loads = [EngineLoad(at=0.0), *(EngineLoad(at=0.0, waiting=3, kv_usage=0.5) for _ in range(3))]
    fleet = build.fleet([build.state(index, load) for index, load in enumerate(loads)])
    counts = burst(build.scheduler(fleet), COLD, 200)
    best = counts.pop(build.address(0))
    assert max(counts.values()) < best < 200
    assert min(counts.values()) > 0


def test_identical_prompts_stay_together_while_load_is_light(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(4))
    assert len(burst(scheduler, CHAT, 12)) == 1


def test_sequential_identical_prompts_stay_at_their_endpoint(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(100))
    seen = set()
    for _ in range(30):
        target = scheduler.pick(CHAT, 0.05).targets[0].address
        scheduler.started(target, CHAT)
        scheduler.finished(target)
        seen.add(target)
    assert len(seen) == 1


def test_requests_that_a_reading_shows_are_not_counted_twice(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    burst(scheduler, COLD, 10, now=0.05)
    shown = [EngineLoad(at=0.2, running=5), EngineLoad(at=0.2, running=5)]
    scheduler.update(build.fleet([build.state(i, load) for i, load in enumerate(shown)], 2), 0.2)
    why = scheduler.pick(COLD, 0.2, explain=True).why
    assert all(
        score.score == 1.0 for c in why.candidates for score in c.scores if score.policy == "active-request-scorer"
    )


def test_a_request_sent_just_before_the_reading_still_counts(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    first = scheduler.pick(COLD, 0.195).targets[0].address
    scheduler.started(first, COLD)
    scheduler.update(build.equal_fleet(2, version=2, at=0.2), 0.2)
    assert all(scheduler.pick(COLD, 0.2).targets[0].address != first for _ in range(20))


def test_a_hanging_engine_is_left_alone_once_its_reading_is_stale(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    hanging = build.address(0)
    for _ in range(8):
        scheduler.started(hanging, COLD)
    fresh = [EngineLoad(at=0.0), EngineLoad(at=2.5, waiting=1, kv_usage=0.4)]
    scheduler.update(build.fleet([build.state(i, load) for i, load in enumerate(fresh)], 2), 2.5)
    assert all(scheduler.pick(COLD, 2.5).targets[0].address != hanging for _ in range(20))


def test_a_reading_becomes_stale_without_any_update(build: Any) -> None:
    loads = [EngineLoad(at=0.0, waiting=9), EngineLoad(at=0.0)]
    scheduler = build.scheduler(build.fleet([build.state(i, load) for i, load in enumerate(loads)]))
    assert {scheduler.pick(COLD, 1.9).targets[0].address for _ in range(30)} == {build.address(1)}
    assert {scheduler.pick(COLD, 2.1).targets[0].address for _ in range(60)} == {build.address(0), build.address(1)}


def test_the_same_picture_again_changes_nothing(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    view = scheduler._only.view(COLD, None)
    scheduler.update(build.equal_fleet(2), 0.1)
    assert scheduler._only.view(COLD, None) is view


def test_a_restarted_numbering_of_versions_is_noticed(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2, version=1))
    scheduler.update(build.equal_fleet(3, version=1), 0.1)
    assert len(scheduler.pick(COLD, 0.1).targets) == 3


def test_in_flight_counts_go_up_and_down_and_never_below_zero(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    one = build.address(0)
    scheduler.started(one, COLD)
    scheduler.started(one)
    assert dict(scheduler.in_flight) == {one: 2}
    for _ in range(3):
        scheduler.finished(one)
    assert dict(scheduler.in_flight) == {}
    assert len(scheduler.in_flight) == 0
    assert one not in scheduler.in_flight


def test_requests_at_an_endpoint_that_left_are_kept_and_come_back_with_it(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(3))
    gone = build.address(2)
    for _ in range(3):
        scheduler.started(gone, CHAT)
    scheduler.update(build.equal_fleet(2, version=2), 0.1)
    scheduler.started(gone, CHAT)
    scheduler.finished(gone)
    scheduler.finished(gone)
    assert dict(scheduler.in_flight) == {gone: 2}
    scheduler.update(build.equal_fleet(3, version=3), 0.2)
    assert dict(scheduler.in_flight) == {gone: 2}
    for _ in range(3):
        scheduler.finished(gone)
    assert dict(scheduler.in_flight) == {}


def test_an_endpoint_in_the_place_of_another_has_none_of_its_prefixes(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    scheduler.started(build.address(1), CHAT)
    scheduler.finished(build.address(1))
    states = [build.state(0, EngineLoad(at=0.1)), build.state(7, EngineLoad(at=0.1))]
    scheduler.update(build.fleet(states[:1], version=2), 0.1)
    scheduler.update(build.fleet(states, version=3), 0.1)
    assert {scheduler.pick(CHAT, 0.1).targets[0].address for _ in range(40)} == {build.address(0), build.address(7)}


def test_fallbacks_are_other_endpoints_best_first(build: Any) -> None:
    loads = [EngineLoad(at=0.0, kv_usage=usage) for usage in (0.9, 0.1, 0.5, 0.3)]
    scheduler = build.scheduler(build.fleet([build.state(i, load) for i, load in enumerate(loads)]))
    targets = scheduler.pick(COLD, 0.1, exclude=[build.address(3)]).targets
    assert [endpoint.address for endpoint in targets] == [build.address(i) for i in (1, 2, 0)]
    assert len(scheduler.pick(COLD, 0.1, exclude=[build.address(i) for i in (0, 2, 3)]).targets) == 1


def test_a_large_pool_has_fallbacks_too(build: Any) -> None:
    targets = list(build.scheduler(build.equal_fleet(200)).pick(CHAT, 0.1).targets)
    assert len({endpoint.address for endpoint in targets}) == 3


def test_the_number_of_targets_can_be_set(build: Any) -> None:
    config = """
plugins: [{type: queue-scorer}, {type: max-score-picker, parameters: {maxNumOfEndpoints: 1}}]
"""
    assert len(build.scheduler(build.equal_fleet(4), config).pick(COLD, 0.1).targets) == 1


def test_a_subset_alone_is_chosen_from(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(4))
    some = [build.address(1), build.address(3), "10.9.9.9:1"]
    assert {scheduler.pick(COLD, 0.1, subset=some).targets[0].address for _ in range(40)} == set(some[:2])
    assert len(scheduler.pick(COLD, 0.1, subset=some).targets) == 2


@pytest.mark.parametrize(
    ("states", "how", "reason"),
    [
        ("none", {}, "the pool has no endpoint"),
        ("unready", {}, "no endpoint is ready"),
        ("two", {"subset": []}, "no ready endpoint is in the subset"),
        ("two", {"exclude": ["10.0.0.1:8000", "10.0.0.2:8000"]}, "excluded or at its limit"),
    ],
)
@pytest.mark.parametrize("explain", [False, True])
def test_when_nothing_is_left_the_step_is_named(
    build: Any, states: str, how: dict[str, Any], reason: str, explain: bool
) -> None:
    some = [build.state(index, ready=states == "two") for index in range(2)]
    scheduler = build.scheduler(build.fleet([] if states == "none" else some))
    with pytest.raises(NoEndpoint, match=reason):
        scheduler.pick(COLD, 0.1, explain=explain, **how)


def test_a_filter_that_leaves_nothing_is_named(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2), "plugins: [{type: prefill-filter}, {type: queue-scorer}]")
    with pytest.raises(NoEndpoint, match="prefill-filter left no endpoint"):
        scheduler.pick(COLD, 0.1)


def test_a_scheduler_without_a_fleet_has_no_endpoint() -> None:
    with pytest.raises(NoEndpoint):
        Scheduler(scheduler_config(None), random.Random(1)).pick(COLD, 0.0)


def test_caches_stay_bounded_between_two_fleet_versions(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(4))
    profile = scheduler._only
    for index in range(20_000):
        target = scheduler.pick(PickRequest(f"adapter-{index}", "m"), 0.1, subset=[build.address(index % 4)]).targets[0]
        scheduler.started(target.address)
        scheduler.finished(target.address)
    assert len(profile._log) < 10_000
    assert len(profile._views) <= 16
    assert all(len(view._rankings) <= 64 for view in profile._views.values())


def test_a_request_that_was_served_elsewhere_takes_its_count_and_its_prefix_along(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(3))
    first, second = build.address(0), build.address(1)
    new = scheduler.started(first, CHAT)
    assert new > 0
    assert scheduler.started(first, CHAT) == 0
    scheduler.finished(first, CHAT.prompt_tokens)
    scheduler.moved(first, second, CHAT, new)
    assert dict(scheduler.in_flight) == {second: 1}
    scheduler.finished(second, CHAT.prompt_tokens)
    assert not dict(scheduler.in_flight)
    assert all(scheduler.pick(CHAT, 30.0).targets[0].address == second for _ in range(10))


def test_a_request_may_be_served_by_an_endpoint_that_left(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2))
    new = scheduler.started(build.address(0), CHAT)
    scheduler.moved(build.address(0), "10.99.0.1:1", CHAT, new)
    assert dict(scheduler.in_flight) == {"10.99.0.1:1": 1}
    scheduler.finished("10.99.0.1:1")
    assert not dict(scheduler.in_flight)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 60])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_fallbacks_may_be_picked_at_once(build: Any, size: int, count: int) -> None:
    scheduler = build.scheduler(build.equal_fleet(size))
    firsts: Counter[str] = Counter()
    for _ in range(50):
        targets = [endpoint.address for endpoint in scheduler.pick(COLD, 0.05, count=count).targets]
        assert len(set(targets)) == len(targets) == min(size, 3 if count == 1 else count, 3)
        firsts[targets[0]] += 1
    assert len(firsts) > 1 or size == 1


def test_fallbacks_at_once_leave_out_what_is_excluded(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(4))
    gone = {build.address(0), build.address(1)}
    targets = scheduler.pick(COLD, 0.05, exclude=gone, count=3).targets
    assert {endpoint.address for endpoint in targets} == {build.address(2), build.address(3)}
