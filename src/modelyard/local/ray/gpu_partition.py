"""Which GPUs of the machine each cluster gets: Ray takes all that it sees, and two clusters see the same ones."""

from __future__ import annotations

import math
from collections.abc import Sequence


def partition(asked: Sequence[float], gpus: int) -> list[tuple[int, ...]]:
    """GPU numbers for each cluster, in order. Where there are enough, each gets what it asks for, and the first that
    asks for any gets the rest; else they are dealt out in turn, at least one to each that asks for any (then some
    share one)."""
    wanted = [math.ceil(number) for number in asked]
    if sum(wanted) > gpus:
        return _dealt(wanted, gpus)
    found: list[tuple[int, ...]] = []
    taken = 0
    spare = gpus - sum(wanted)
    for number in wanted:
        count = number + (spare if number else 0)
        spare -= spare if number else 0
        found.append(tuple(range(taken, taken + count)))
        taken += count
    return found


def _dealt(wanted: list[int], gpus: int) -> list[tuple[int, ...]]:
    hands: list[list[int]] = [[] for _ in wanted]
    numbers = list(range(gpus))
    while numbers:
        hungry = [index for index, hand in enumerate(hands) if len(hand) < wanted[index]]
        index = min(hungry, key=lambda index: (len(hands[index]), index))
        hands[index].append(numbers.pop(0))
    for index, hand in enumerate(hands):
        if wanted[index] and not hand and gpus:
            hand.append(index % gpus)
    return [tuple(hand) for hand in hands]
