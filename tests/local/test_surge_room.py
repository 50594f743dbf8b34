from __future__ import annotations

import asyncio

from modelyard.local.surge_room import KEPT_FREE, SurgeRoom

GIB = 1024**3


def room(available: int | None, size: int | None, *, gpu: bool = False) -> SurgeRoom:
    return SurgeRoom(gpu=gpu, available=lambda: available, size_of=lambda pid: size)


def ask(one: SurgeRoom, name: str = "a", extra: int = 1) -> tuple[int, str]:
    return asyncio.run(one.ask(name, extra, [1, 2]))


def test_what_fits_is_granted() -> None:
    assert ask(room(4 * GIB, GIB)) == (1, "")
    assert ask(room(4 * GIB, GIB), extra=3) == (3, "")


def test_what_does_not_fit_is_not_and_says_why() -> None:
    granted, why = ask(room(2 * GIB, 3 * GIB))
    assert granted == 0
    assert "needs 3.3 GiB" in why
    assert ask(room(3 * GIB, GIB), extra=4)[0] == 2


def test_two_do_not_get_the_same_memory() -> None:
    one = room(2 * GIB + KEPT_FREE, int(1.5 * GIB))
    assert ask(one, "a")[0] == 1
    assert ask(one, "b")[0] == 0
    assert ask(one, "a")[0] == 1, "asked again, the old grant is given back first"
    one.give_back("a")
    assert ask(one, "b")[0] == 1


def test_where_nothing_is_known_nothing_is_granted() -> None:
    for one in (room(None, GIB), room(GIB, None), room(64 * GIB, GIB, gpu=True)):
        granted, why = ask(one)
        assert granted == 0
        assert "not known" in why
