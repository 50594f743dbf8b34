from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim.latency import Latency
from modelyard.sim.settings import SimSettings


def latency(**fields: float) -> Latency:
    base: dict[str, float] = {"ttft_s": 0.1, "prefill_s_per_token": 0.01, "itl_s": 0.02, "max_num_seqs": 10}
    return Latency(SimSettings(**{**base, **fields}), random.Random(1))  # type: ignore[arg-type]


def test_an_idle_server_takes_its_base_and_its_uncached_tokens() -> None:
    first = latency().first_token(uncached=20, running=0, usage=0.0, bring_adapter=False)
    assert abs(first - 0.3) < 1e-9


def test_an_adapter_that_is_not_ready_costs_its_load() -> None:
    model = latency(lora_load_s=0.5)
    cold = model.first_token(uncached=1, running=0, usage=0.0, bring_adapter=True)
    warm = model.first_token(uncached=1, running=0, usage=0.0, bring_adapter=False)
    assert abs(cold - warm - 0.5) < 1e-9


def test_a_full_batch_is_slower_by_the_load_slowdown() -> None:
    model = latency(load_slowdown=2.0)
    assert abs(model.next_token(running=10, usage=0.0) - 0.06) < 1e-9


def test_a_full_cache_slows_down_only_near_its_end() -> None:
    model = latency(load_slowdown=0.0, cache_slowdown=3.0)
    assert model.slowdown(5, 0.9) == 1.0
    assert abs(model.slowdown(5, 1.0) - 4.0) < 1e-9


def test_a_fault_multiplies_the_time_between_tokens() -> None:
    model = latency(load_slowdown=0.0)
    model.itl_factor = 10.0
    assert abs(model.next_token(running=1, usage=0.0) - 0.2) < 1e-9


@given(st.integers(0, 10), st.floats(0, 1), st.floats(0, 1))
def test_jitter_stays_within_its_share(running: int, usage: float, jitter: float) -> None:
    plain = latency().next_token(running=running, usage=usage)
    spread = latency(jitter=jitter).next_token(running=running, usage=usage)
    assert plain * (1 - jitter) - 1e-9 <= spread <= plain * (1 + jitter) + 1e-9
