from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim.engine import Emission, Engine, QueueFull
from modelyard.sim.prose import plan
from modelyard.sim.sequence import DONE, RUNNING, WAITING, Sequence
from modelyard.sim.settings import SimSettings


def engine(**fields: Any) -> Engine:
    base: dict[str, Any] = {
        "max_num_seqs": 2,
        "block_size": 4,
        "num_blocks": 100,
        "ttft_s": 1.0,
        "prefill_s_per_token": 0.0,
        "itl_s": 0.5,
        "load_slowdown": 0.0,
        "cache_slowdown": 0.0,
    }
    return Engine(SimSettings(**{**base, **fields}), random.Random(1))


def sequence(text: bytes = b"hello", tokens: int = 3, *, lora: str = "", of: Engine | None = None) -> Sequence:
    settings = (of or engine()).settings
    answer = plan(hash(text), limit=tokens, natural=tokens, room=10_000) if tokens else None
    return Sequence(text, answer, block_size=settings.block_size, caching=settings.enable_prefix_caching, lora=lora)


def drained(server: Engine, *, limit: int = 100_000) -> list[Emission]:
    """Everything that comes out until nothing is left, in virtual time."""
    emissions: list[Emission] = []
    now = 0.0
    for _ in range(limit):
        wake = server.next_wake()
        if wake is None:
            return emissions
        now = max(now, wake)
        emissions += server.step(now)
    raise AssertionError("the engine never came to an end")


def test_the_first_token_comes_after_the_ttft_and_the_others_after_the_itl() -> None:
    server, one = engine(), sequence()
    server.submit(one, 10.0)
    assert server.step(10.0) == []
    assert server.next_wake() == 11.0
    assert len(server.step(11.0)) == 1
    assert server.next_wake() == 11.5
    assert [emission.finished for emission in [*server.step(11.5), *server.step(12.0)]] == [False, True]
    assert server.next_wake() is None
    assert one.state == DONE


def test_the_text_is_the_answer() -> None:
    server, one = engine(), sequence(tokens=30)
    server.submit(one, 0.0)
    assert one.answer
    assert "".join(emission.piece for emission in drained(server)) == one.answer.text()


def test_uncached_prompt_tokens_take_time_and_cached_ones_do_not() -> None:
    server = engine(prefill_s_per_token=1.0, ttft_s=0.0)
    text = b"x" * 64
    server.submit(sequence(text, of=server), 0.0)
    server.step(0.0)
    assert server.next_wake() == 16.0
    drained(server)
    again = sequence(text, of=server)
    server.submit(again, 100.0)
    server.step(100.0)
    assert again.cached_tokens == 12, "the last block is computed again, as in vLLM"
    assert server.next_wake() == 104.0
    assert server.statistics.prefix_hits == 12


def test_a_conversation_hits_the_blocks_of_its_own_answer() -> None:
    server = engine(itl_s=0.0)
    first = sequence(b"a" * 32, 8, of=server)
    server.submit(first, 0.0)
    drained(server)
    assert first.answer
    second = sequence(b"a" * 32 + first.answer.text().encode() + b"and on we go", of=server)
    server.submit(second, 100.0)
    server.step(100.0)
    assert second.cached_tokens == 16


def test_what_does_not_fit_in_the_batch_waits_in_order() -> None:
    server = engine()
    sequences = [sequence(bytes([n])) for n in range(5)]
    for one in sequences:
        server.submit(one, 0.0)
    server.step(0.0)
    assert [one.state for one in sequences] == [RUNNING, RUNNING, WAITING, WAITING, WAITING]
    assert (len(server.running), server.waiting) == (2, 3)


def test_a_full_queue_refuses() -> None:
    server = engine(max_num_seqs=1, max_num_queued_reqs=1)
    server.submit(sequence(b"a"), 0.0)
    server.step(0.0)
    server.submit(sequence(b"b"), 0.0)
    with pytest.raises(QueueFull):
        server.submit(sequence(b"c"), 0.0)
    assert server.statistics.rejected == 1


def test_an_adapter_without_a_slot_is_passed_over() -> None:
    server = engine(max_num_seqs=3, max_loras=1, lora={"a": "/a", "b": "/b"}, lora_load_s=0.0)
    sequences = [sequence(bytes([n]), lora=lora) for n, lora in enumerate("ab")] + [sequence(b"base")]
    for one in sequences:
        server.submit(one, 0.0)
    server.step(0.0)
    assert [one.state for one in sequences] == [RUNNING, WAITING, RUNNING]
    assert server.deferred == 1
    assert list(server.adapter_states) == [("a", "b")]
    drained(server)
    assert sequences[1].state == DONE
    assert list(server.adapter_states)[-1] == ("", "")


def test_the_youngest_is_preempted_when_blocks_run_out_and_still_ends() -> None:
    server = engine(num_blocks=6, max_num_seqs=3, max_model_len=24)
    sequences = [sequence(bytes([n]) * 16, 12, of=server) for n in range(3)]
    for one in sequences:
        server.submit(one, 0.0)
    emissions = drained(server)
    assert server.statistics.preemptions > 0
    assert sequences[0].preempted == 0, "the oldest is never the victim"
    for one in sequences:
        assert one.answer
        assert "".join(e.piece for e in emissions if e.sequence is one) == one.answer.text()


def test_aborting_gives_everything_back_wherever_the_sequence_is() -> None:
    server = engine(max_num_seqs=1, lora={"a": "/a"})
    running, waiting = sequence(b"r", lora="a"), sequence(b"w", lora="a")
    for one in (running, waiting):
        server.submit(one, 0.0)
    server.step(0.0)
    for one in (waiting, running, running):
        server.abort(one, 0.5)
    assert drained(server) == []
    assert (len(server.running), server.waiting, server.cache.used) == (0, 0, 0)
    assert not server.adapters.running
    assert not server.adapters.waiting
    assert server.statistics.finished["abort"] == 2


def test_a_prompt_without_an_answer_ends_with_its_prefill() -> None:
    server, one = engine(), sequence(tokens=0)
    server.submit(one, 0.0)
    assert [(e.piece, e.finished) for e in drained(server)] == [("", True)]


def test_stalled_sequences_keep_their_place_and_go_on_when_told() -> None:
    server, one = engine(), sequence(tokens=5)
    server.stall(2, 0.0)
    server.submit(one, 0.0)
    assert len(drained(server)) == 2
    assert one.state == RUNNING
    server.stall(None, 100.0)
    assert len(drained(server)) == 3


def test_a_late_caller_gets_what_is_due_without_a_burst_of_everything() -> None:
    server, one = engine(), sequence(tokens=50)
    server.submit(one, 0.0)
    server.step(0.0)
    assert len(server.step(10.0)) == 1
    assert server.next_wake() == pytest.approx(10.45)


requests = st.lists(
    st.tuples(
        st.floats(0, 3),
        st.integers(0, 3),
        st.integers(1, 40),
        st.integers(0, 12),
        st.sampled_from(["", "", "a", "b", "c"]),
        st.booleans(),
    ),
    max_size=25,
)
"""(time since the last, prompt family, prompt bytes, answer tokens, adapter, goes away early)"""


@given(requests, st.integers(1, 4), st.integers(14, 30), st.booleans())
def test_invariants_hold_for_any_load(
    load: list[tuple[float, int, int, int, str, bool]], seqs: int, blocks: int, caching: bool
) -> None:
    server = engine(
        max_num_seqs=seqs,
        num_blocks=blocks,
        max_loras=2,
        lora={"a": "/a", "b": "/b", "c": "/c"},
        enable_prefix_caching=caching,
    )
    kept, first = _played(server, load)
    assert (server.cache.used, server.cache.free, len(server.running), server.waiting) == (0, blocks, 0, 0)
    assert all(one.state == DONE for one in kept)
    base_only = [one for one in first if not one.lora]
    assert base_only == sorted(base_only, key=lambda one: (one.arrived_at, kept.index(one))), "first come, first served"


def _played(
    server: Engine, load: list[tuple[float, int, int, int, str, bool]]
) -> tuple[list[Sequence], list[Sequence]]:
    """Submits a load in virtual time; all its sequences, and those admitted, in order of admission."""
    now, kept, admitted = 0.0, [], {}
    for gap, family, size, tokens, lora, leaves in load:
        now += gap
        one = sequence(bytes([family]) * size, tokens, lora=lora, of=server)
        server.submit(one, now)
        kept.append(one)
        _stepped(server, now, admitted)
        if leaves:
            server.abort(one, now)
    while (wake := server.next_wake()) is not None:
        now = max(now, wake)
        _stepped(server, now, admitted)
    return kept, list(admitted)


def _stepped(server: Engine, now: float, admitted: dict[Sequence, None]) -> None:
    server.step(now)
    settings, cache = server.settings, server.cache
    assert len(server.running) <= settings.max_num_seqs
    assert len(server.adapters.running) <= settings.max_loras
    assert cache.used + cache.free == settings.num_blocks
    held = sum(len(set(one.held.hashes)) + one.held.private for one in server.running)
    assert cache.used <= held
    for one in server.running:
        if not one.preempted:
            admitted.setdefault(one, None)


@given(st.integers(0, 5))
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    def run() -> list[tuple[str, bool]]:
        settings = SimSettings(seed=seed, jitter=0.5, max_num_seqs=3)
        server = Engine(settings, random.Random(settings.seed))
        for n in range(8):
            server.submit(sequence(bytes([n]) * 30, 5, of=server), 0.0)
        return [(emission.piece, emission.finished) for emission in drained(server)]

    assert run() == run()
