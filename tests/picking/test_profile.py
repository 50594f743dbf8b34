"""The fast path agrees with scoring everything, whatever happened before."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.fleet.endpoints import EndpointState, EngineLoad
from modelyard.picking.contract import NoEndpoint, PickRequest

CONFIGS: dict[str, str | None] = {
    "default": None,
    "everything sparse or keyed": """
plugins:
- {type: queue-scorer}
- {type: running-requests-size-scorer}
- {type: kv-cache-utilization-scorer}
- {type: load-aware-scorer}
- {type: prefix-cache-scorer, parameters: {matchLengthWeight: 0.3}}
- {type: lora-affinity-scorer}
- {type: session-affinity-scorer}
- {type: header-label-affinity-scorer, parameters: {headerName: X-Zone, labelKey: zone}}
- {type: token-load-scorer, parameters: {queueThresholdTokens: 5000}}
- {type: active-request-scorer, parameters: {idleThreshold: 1, maxBusyScore: 0.7}}
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 0.37}
  - {pluginRef: running-requests-size-scorer, weight: 0.21}
  - {pluginRef: kv-cache-utilization-scorer, weight: 1.13}
  - {pluginRef: load-aware-scorer, weight: 0.5}
  - {pluginRef: prefix-cache-scorer, weight: 1.7}
  - {pluginRef: lora-affinity-scorer, weight: 0.9}
  - {pluginRef: session-affinity-scorer, weight: 0.8}
  - {pluginRef: header-label-affinity-scorer, weight: 0.6}
  - {pluginRef: token-load-scorer, weight: 0.7}
  - {pluginRef: active-request-scorer, weight: 2.3}
""",
    "affinity to cached prompts": """
plugins:
- {type: prefix-cache-affinity-filter, parameters: {maxTTFTPenaltyMs: 20, explorationProbability: 0.2}}
- {type: token-load-scorer}
- {type: queue-scorer}
""",
    "filters, gates and scores of each request": """
plugins:
- {type: label-selector-filter, parameters: {matchExpressions: [{key: zone, operator: NotIn, values: [c]}]}}
- {type: decode-filter}
- {type: context-length-aware, parameters: {label: range, enableFiltering: true}}
- {type: utilization-filter, parameters: {conditions: [{metric: active-requests, maxValue: 2}], fallbackOnEmpty: true}}
- {type: session-affinity-filter, parameters: {strategy: session_id}}
- {type: kv-cache-utilization-scorer}
- {type: prefix-cache-scorer}
- {type: no-hit-lru-scorer}
- {type: active-request-scorer}
""",
}

MODELS = [("base", "base"), ("a", "base"), ("b", "base"), ("c", "base"), ("unknown", "")]
HEAD = random.Random(4).randbytes(1024)
PROMPTS = [b"", b"short", HEAD, *(HEAD + random.Random(i).randbytes(300 * i) for i in range(1, 9))]


def load(rng: random.Random, at: float) -> EngineLoad | None:
    if rng.random() < 0.1:
        return None
    return EngineLoad(
        at=at - (3.0 if rng.random() < 0.05 else 0.0),
        waiting=rng.choice([0, 0, 0, 1, 7]),
        running=rng.choice([0, 3, 9]),
        kv_usage=rng.choice([0.0, 0.0, 0.25, rng.random(), float("nan"), 1.5]),
        max_loras=rng.choice([0, 1, 2, 3]),
        running_loras=frozenset(rng.sample(["a", "b"], rng.choice([0, 1, 2]))),
        waiting_loras=frozenset(rng.sample(["c"], rng.choice([0, 0, 1]))),
    )


def states(build: Any, rng: random.Random, size: int, at: float) -> list[EndpointState]:
    """Most of ``size`` endpoints, in a changing order."""
    equal = rng.random() < 0.3
    return [
        build.state(
            index,
            EngineLoad(at=at) if equal else load(rng, at),
            ready=rng.random() < 0.95,
            labels={"zone": "abc"[index % 3], "range": ["0-200", "100-9000", "bad"][index % 5 % 3]},
        )
        for index in rng.sample(range(size), rng.randint(size * 3 // 4, size))
    ]


def request(rng: random.Random) -> PickRequest:
    model, base = rng.choice(MODELS)
    prompt = rng.choice(PROMPTS)
    headers = {"x-zone": rng.choice("abd"), "x-session-id": rng.choice("stu")}
    return PickRequest(model, base, prompt, len(prompt) // 4, headers)


def check_pick(scheduler: Any, asked: PickRequest, now: float, **how: Any) -> str | None:
    """Both paths find nothing, or the fast one chooses among the best; the address that it chose."""
    try:
        plain = scheduler.pick(asked, now, explain=True, **how)
    except NoEndpoint:
        with pytest.raises(NoEndpoint):
            scheduler.pick(asked, now, **how)
        return None
    totals = {why.endpoint.address: why.total for why in plain.why.candidates if not why.dropped_by}
    chosen = scheduler.pick(asked, now, **how).targets[0].address
    assert totals[chosen] == pytest.approx(max(totals.values()), abs=2e-5)
    return chosen


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.sampled_from([1, 3, 8, 39, 45, 90, 200]))
def test_the_choice_is_among_the_best(build: Any, config: str, seed: int, size: int) -> None:
    rng = random.Random(seed)
    scheduler = build.scheduler(build.fleet(states(build, rng, size, 0.0)), CONFIGS[config], seed)
    started: list[str] = []
    now = 0.0
    for step in range(2, 60):
        now += rng.choice([0.0, 0.01, 0.1])
        if rng.random() < 0.1:
            scheduler.update(build.fleet(states(build, rng, size, now), step), now)
        if started and rng.random() < 0.4:
            scheduler.finished(started.pop(rng.randrange(len(started))), 100)
        asked = request(rng)
        how: dict[str, Any] = {}
        if rng.random() < 0.15:
            how["subset"] = [build.address(i) for i in rng.sample(range(size), max(1, size // 2))]
        if rng.random() < 0.15:
            how["exclude"] = [build.address(i) for i in rng.sample(range(size), size // 3)]
        chosen = check_pick(scheduler, asked, now, **how)
        if chosen is not None and rng.random() < 0.8:
            scheduler.started(chosen, asked)
            started.append(chosen)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_prefixes_held_by_many_endpoints_of_a_large_pool(build: Any, seed: int) -> None:
    rng = random.Random(seed)
    scheduler = build.scheduler(build.fleet([build.state(i, load(rng, 0.0)) for i in range(300)]), None, seed)
    for index in rng.sample(range(300), rng.choice([10, 60, 70, 200, 290])):
        for _ in range(rng.choice([1, 1, 2])):
            scheduler.started(build.address(index), PickRequest("base", "base", rng.choice(PROMPTS[2:])))
    for _ in range(40):
        asked = request(rng)
        chosen = check_pick(scheduler, asked, 0.1)
        assert chosen is not None
        scheduler.started(chosen, asked)
        if rng.random() < 0.5:
            scheduler.finished(chosen)


@pytest.mark.parametrize("size", [4, 100])
@pytest.mark.parametrize("prompt", [b"", HEAD], ids=["no prompt", "a prefix that all have"])
def test_ties_are_spread_evenly(build: Any, size: int, prompt: bytes) -> None:
    scheduler = build.scheduler(build.equal_fleet(size))
    asked = PickRequest("base", "base", prompt)
    for index in range(size):
        scheduler.started(build.address(index), asked)
    counts = dict.fromkeys((build.address(i) for i in range(size)), 0)
    for _ in range(100 * size):
        counts[scheduler.pick(asked, 0.1).targets[0].address] += 1
    assert min(counts.values()) > 55
    assert max(counts.values()) < 145


def test_ties_within_one_part_of_a_large_pool_are_spread_evenly(build: Any) -> None:
    busy = EngineLoad(at=0.0, kv_usage=0.5)
    free = {3, 4, 40, 99}
    scheduler = build.scheduler(
        build.fleet([build.state(i, EngineLoad(at=0.0) if i in free else busy) for i in range(100)])
    )
    counts = dict.fromkeys((build.address(i) for i in free), 0)
    for _ in range(2000):
        counts[scheduler.pick(PickRequest("base", "base"), 0.1).targets[0].address] += 1
    assert all(400 < count < 600 for count in counts.values())
