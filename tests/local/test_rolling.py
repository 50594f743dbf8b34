from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.local.rolling import Member, RollingLimits, Steps, next_steps, resolve, rolling_limits


def old(ordinal: int, *, available: bool = True) -> Member:
    return Member(ordinal=ordinal, current=False, available=available)


def new(ordinal: int, *, available: bool = True) -> Member:
    return Member(ordinal=ordinal, current=True, available=available)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (4, "25%", "25%", (1, 1)),
        (3, "25%", "25%", (1, 0)),
        (1, "25%", "25%", (1, 0)),
        (10, "30%", "30%", (3, 3)),
        (10, "33%", "33%", (4, 3)),
        (3, 0, 0, (0, 1)),
        (3, "0%", "10%", (0, 1)),
        (3, 0, "50%", (0, 1)),
        (3, 2, 5, (2, 3)),
        (2, "100%", 0, (2, 0)),
        (0, "25%", "25%", (0, 0)),
        (5, "2", "1", (2, 1)),
    ],
)
def test_surge_rounds_up_and_unavailable_rounds_down(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    limits = rolling_limits(replicas, surge, unavailable)
    assert (limits.surge, limits.unavailable) == expected


@pytest.mark.parametrize("text", ["many", "-1", "25 %", "2.5", "", "%", "٣"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="percentage"):
        resolve(text, 3, round_up=True)


def test_with_surge_a_new_one_comes_first() -> None:
    limits = RollingLimits(desired=3, surge=1, unavailable=0)
    assert next_steps([old(0), old(1), old(2)], 0, limits) == Steps(start=1)
    assert next_steps([old(0), old(1), old(2), new(3, available=False)], 0, limits) == Steps()
    assert next_steps([old(0), old(1), old(2), new(3)], 0, limits) == Steps(stop=(0,))
    assert next_steps([old(1), old(2), new(3)], 1, limits) == Steps(), "the one that stops still holds its memory"
    assert next_steps([old(1), old(2), new(3)], 0, limits) == Steps(start=1)


def test_in_place_an_old_one_goes_first() -> None:
    limits = RollingLimits(desired=2, surge=0, unavailable=1)
    assert next_steps([old(0), old(1)], 0, limits) == Steps(stop=(0,))
    assert next_steps([old(1)], 1, limits) == Steps()
    assert next_steps([old(1)], 0, limits) == Steps(start=1)
    assert next_steps([old(1), new(0, available=False)], 0, limits) == Steps()


def test_old_ones_that_do_not_serve_go_first() -> None:
    limits = RollingLimits(desired=3, surge=1, unavailable=1)
    assert next_steps([old(0), old(1), old(2, available=False), new(3)], 0, limits).stop == (2, 0)


def test_recreate_stops_all_before_it_starts_any() -> None:
    limits = RollingLimits(desired=2, surge=1, unavailable=0)
    assert next_steps([old(0), old(1)], 0, limits, recreate=True) == Steps(stop=(0, 1))
    assert next_steps([], 2, limits, recreate=True) == Steps()
    assert next_steps([], 1, limits, recreate=True) == Steps()
    assert next_steps([], 0, limits, recreate=True) == Steps(start=2)


def test_paused_only_changes_the_number() -> None:
    limits = RollingLimits(desired=2, surge=1, unavailable=1)
    assert next_steps([old(0), old(1)], 0, limits, paused=True) == Steps()
    assert next_steps([old(0)], 0, limits, paused=True) == Steps(start=1)
    assert next_steps([old(0), old(1), new(2)], 0, limits, paused=True) == Steps(stop=(1,))


def test_too_many_the_last_goes() -> None:
    limits = RollingLimits(desired=1, surge=1, unavailable=0)
    assert next_steps([new(0), new(1), new(3)], 0, limits) == Steps(stop=(3, 1))


@given(
    replicas=st.integers(0, 6),
    surge=st.integers(0, 4),
    unavailable=st.integers(0, 4),
    recreate=st.booleans(),
    choices=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["ready", "gone", "blip"])), max_size=60),
)
def test_an_update_ends_and_keeps_its_limits(
    replicas: int, surge: int, unavailable: int, recreate: bool, choices: list[tuple[int, str]]
) -> None:
    """Whatever order replicas become ready, stop or fail in."""
    limits = rolling_limits(replicas, surge, unavailable)
    members = {ordinal: old(ordinal) for ordinal in range(replicas)}
    leaving: list[int] = []

    def act() -> None:
        available = sum(one.available for one in members.values())
        steps = next_steps(members.values(), len(leaving), limits, recreate=recreate)
        if not recreate:
            lost = sum(members[ordinal].available for ordinal in steps.stop)
            assert available - lost >= limits.fewest or lost == 0
        leaving.extend(ordinal for ordinal in steps.stop if members.pop(ordinal))
        free = [ordinal for ordinal in range(99) if ordinal not in members and ordinal not in leaving]
        for ordinal in free[: steps.start]:
            members[ordinal] = new(ordinal, available=False)
        assert len(members) + len(leaving) <= max(limits.most, replicas)

    for index, what in choices:
        act()
        ordinals = sorted(members)
        if what == "gone" and leaving:
            leaving.pop(index % len(leaving))
        elif ordinals and what != "gone":
            chosen = ordinals[index % len(ordinals)]
            member = members[chosen]
            members[chosen] = Member(ordinal=chosen, current=member.current, available=what == "ready")
    for _ in range(8 * (replicas + 1)):
        act()
        leaving.clear()
        for ordinal, member in members.items():
            members[ordinal] = Member(ordinal=ordinal, current=member.current, available=True)
    assert len(members) == replicas
    assert all(member.current for member in members.values())


def test_where_extra_replicas_do_not_fit_one_goes_before_the_next_comes() -> None:
    wanted = RollingLimits(desired=3, surge=2, unavailable=0)
    assert wanted.with_room_for(1) == RollingLimits(desired=3, surge=1, unavailable=0)
    assert wanted.with_room_for(0) == RollingLimits(desired=3, surge=0, unavailable=1)
    assert RollingLimits(desired=3, surge=1, unavailable=2).with_room_for(0).unavailable == 2
