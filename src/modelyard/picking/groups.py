"""Slots that a request's sparse scorers favour, as points."""

from __future__ import annotations

from collections.abc import Collection, Sequence

Groups = list[tuple[int, Collection[int]]]
"""Points and the slots that get them, most points first; a slot counts where it is named first."""

FEW = 8
"""Slots up to which it is cheapest to look at each."""


def boost_of(slot: int, sources: Sequence[Groups]) -> int:
    """What a request adds to the total of one slot."""
    total = 0
    for groups in sources:
        for added, slots in groups:
            if slot in slots:
                total += added
                break
    return total


def in_both(first: Groups, second: Groups) -> Groups:
    """Who is in a group of each, with the points of both, most points first."""
    both: Groups = []
    for added, slots in first:
        for more, others in second:
            fewer, rest = (slots, others) if len(slots) < len(others) else (others, slots)
            shared = [slot for slot in fewer if slot in rest]
            if shared:
                both.append((added + more, shared))
    return sorted(both, key=lambda group: group[0], reverse=True)


def raise_slots(totals: list[int], groups: Groups) -> None:
    """Add to all slots what one scorer's groups give them."""
    if len(groups) == 1:
        added, slots = groups[0]
        for slot in slots:
            totals[slot] += added
        return
    done: set[int] = set()
    for added, slots in groups:
        for slot in slots:
            if slot not in done:
                totals[slot] += added
        done.update(slots)
