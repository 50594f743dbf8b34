from __future__ import annotations

import random

import pytest

from modelyard.picking.board import BlockBoard, FlatBoard
from modelyard.picking.points import NEVER
from modelyard.picking.ranking import Ranking


def block_board(totals: list[int], boosts: dict[int, int]) -> BlockBoard:
    ranking = Ranking(totals)
    ranking.catch_up([0] * len(totals), [], 0)
    board = BlockBoard(ranking, [s for s, t in enumerate(totals) if t >= 0], lambda slot: boosts.get(slot, 0))
    board.favour(boosts)
    return board


def flat_board(totals: list[int], boosts: dict[int, int]) -> FlatBoard:
    return FlatBoard([total + boosts.get(slot, 0) for slot, total in enumerate(totals)])


@pytest.mark.parametrize("make", [block_board, flat_board])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_best_first_and_each_once(make: object, count: int) -> None:
    totals = [random.Random(slot).randrange(50) for slot in range(100)]
    totals[5] = NEVER
    boosts = {5: 10, 7: 100, 40: 60}
    final = {slot: total + boosts.get(slot, 0) for slot, total in enumerate(totals) if total >= 0}
    board = make(totals, boosts)  # type: ignore[operator]
    assert set(board.slots()) == set(final)
    assert all(board.total(slot) == total for slot, total in final.items())
    assert board.ceiling() == max(final.values())
    chosen = board.best(count, random.Random(3))
    assert len(chosen) == len(set(chosen)) == min(count, 99)
    exact = count if make is flat_board else 1
    assert [final[slot] for slot in chosen][:exact] == sorted(final.values(), reverse=True)[:exact]


@pytest.mark.parametrize("make", [block_board, flat_board])
def test_an_empty_board_gives_nothing(make: object) -> None:
    assert make([NEVER] * 100, {}).best(3, random.Random(1)) == []  # type: ignore[operator]


def test_of_favoured_slots_the_best_wins_and_equals_are_as_likely() -> None:
    ranking = Ranking([5] * 100)
    ranking.catch_up([0] * 100, [], 0)
    board = BlockBoard(ranking, range(100), lambda slot: {1: 9, 2: 9, 3: 4}.get(slot, 0))
    board.favour((3, 1, 2))
    assert {board.best(1, random.Random(seed))[0] for seed in range(30)} == {1, 2}
    assert board.ceiling() == 14
