from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.lora.slots import SlotPolicy, choose

NAMES = ["a", "b", "c"]


def test_swapping_takes_all() -> None:
    assert choose(NAMES, 1, SlotPolicy.SWAP).names == ("a", "b", "c")


def test_strict_keeps_what_is_loaded_then_the_order_of_the_file() -> None:
    chosen = choose(NAMES, 2, SlotPolicy.STRICT, held={"c"}, last_used={"b": 9.0})
    assert (chosen.names, chosen.left_out) == (("a", "c"), ("b",))


def test_evicting_takes_the_most_recently_used() -> None:
    used = {"a": 1.0, "b": 3.0, "c": 2.0}
    assert choose(NAMES, 2, SlotPolicy.EVICT, held={"a", "b"}, last_used=used).left_out == ("a",)
    assert choose(NAMES, 2, SlotPolicy.EVICT, held={"a", "b"}, last_used={}).left_out == ("c",)


@given(
    wanted=st.lists(st.sampled_from("abcdefgh"), unique=True),
    slots=st.none() | st.integers(0, 9),
    policy=st.sampled_from(SlotPolicy),
    held=st.sets(st.sampled_from("abcdefgh")),
    used=st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 10)),
)
def test_everything_is_either_taken_or_left_out_in_order_and_slots_are_used(
    wanted: list[str], slots: int | None, policy: SlotPolicy, held: set[str], used: dict[str, float]
) -> None:
    chosen = choose(wanted, slots, policy, held=held, last_used=used)
    assert sorted(chosen.names + chosen.left_out) == sorted(wanted)
    assert list(chosen.names) == [name for name in wanted if name in chosen.names]
    if slots is not None and policy is not SlotPolicy.SWAP:
        assert len(chosen.names) == min(slots, len(wanted))
    again = choose(wanted, slots, policy, held=set(chosen.names), last_used=used)
    if policy is SlotPolicy.STRICT:
        assert again == chosen
