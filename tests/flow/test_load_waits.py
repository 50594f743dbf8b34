from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.flow.config import BandConfig, FlowConfig
from modelyard.flow.load_waits import LoadWaits

SMALL = FlowConfig(max_requests=3, max_bytes=100)


def test_those_that_wait_for_one_adapter_go_on_in_order() -> None:
    waits = LoadWaits(FlowConfig())
    first, other, second = (waits.add(model, 1, 10.0) for model in ("a", "b", "a"))
    assert waits.counts == {"a": 2, "b": 1}
    assert waits.take("a") == [first, second]
    assert waits.take("a") == []
    assert waits.counts == {"b": 1}
    assert waits.expire(10.0) == [other]
    assert not waits


def test_bounds() -> None:
    waits = LoadWaits(SMALL)
    assert waits.add("a", 101, 1.0) is None
    assert [waits.add("a", 10, 1.0) is None for _ in range(4)] == [False, False, False, True]
    unset = LoadWaits(FlowConfig(default_band=BandConfig(max_requests=1)))
    assert [unset.add("a", 10, 1.0) is None for _ in range(2)] == [False, True]


def test_expiry_is_by_each_ones_own_time() -> None:
    waits = LoadWaits(FlowConfig())
    late, soon = waits.add("a", 1, 20.0), waits.add("a", 1, 10.0)
    assert waits.expire(9.9) == []
    assert waits.expire(10.0) == [soon]
    assert waits.expire(19.9) == []
    assert waits.expire(20.0) == [late]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abc"), st.integers(0, 60), st.integers(0, 20)),
        st.tuples(st.just("take"), st.sampled_from("abc")),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("expire"), st.integers(0, 25)),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_every_ticket_leaves_once_and_the_room_comes_back(steps: list[tuple[object, ...]]) -> None:
    waits = LoadWaits(SMALL)
    inside: dict[int, tuple[str, int]] = {}
    for name, *values in steps:
        gone: list[int] = []
        if name == "add":
            model, size, until = values
            ticket = waits.add(str(model), int(str(size)), float(str(until)))
            room = len(inside) < 3 and sum(s for _, s in inside.values()) + int(str(size)) <= 100
            assert (ticket is not None) == room
            if ticket is not None:
                inside[ticket] = (str(model), int(str(size)))
        elif name == "take":
            gone = waits.take(str(values[0]))
            assert gone == [number for number, (model, _) in inside.items() if model == values[0]]
        elif name == "expire":
            gone = waits.expire(float(str(values[0])))
        else:
            number = int(str(values[0]))
            waits.cancel(number)
            gone = [number] if number in inside else []
        for number in gone:
            del inside[number]
        assert len(waits) == len(inside) == sum(waits.counts.values())
    waits.expire(1e9)
    assert not waits
    assert waits.add("a", 100, 1.0) is not None
