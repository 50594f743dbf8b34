"""The board of a large pool: the fleet's ranking, with the few changes that one request makes to it.

Whoever the request favours must be compared with the top of the ranking. Where it favours few endpoints, each is looked
at. Where it favours many alike (a prefix that half of the pool holds), only the best of them can win, and the group's
own ranking names it. What two scorers favour is also looked at where they agree, because points add up there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from modelyard.picking.board import BlockBoard
from modelyard.picking.groups import FEW, Groups, boost_of, in_both
from modelyard.picking.ranking import Ranking

BestOf = Callable[[Collection[int]], int]
"""The slot with the highest total among some, before the request's points; negative where there is none."""


def large_board(
    ranking: Ranking, slots: Sequence[int], sources: list[Groups], out: Collection[int], best_of: BestOf
) -> BlockBoard | None:
    """A board that is exact for one answer; ``out`` are slots that must not be chosen.

    None where that would not be cheaper than looking at every endpoint: three scorers that favour many, or a group
    whose best endpoint is out.
    """
    board = BlockBoard(ranking, slots, lambda slot: boost_of(slot, sources), out)
    if not sources:
        return board
    few = {slot for groups in sources for _, members in groups if len(members) <= FEW for slot in members}
    board.favour(few.difference(out) if out else few)
    many = [large for groups in sources if (large := [group for group in groups if len(group[1]) > FEW])]
    if len(many) > 2:
        return None
    if len(many) == 2:
        many.append(in_both(*many))
    exact = all(_favour_groups(board, groups, out, best_of) for groups in many)
    return board if exact else None


def _favour_groups(board: BlockBoard, groups: Groups, out: Collection[int], best_of: BestOf) -> bool:
    """Favour the best of each group, most points first, until points could not lift anyone to the top any more."""
    for added, members in groups:
        if board.highest + added < board.ceiling():
            break
        slot = best_of(members)
        if slot in out:
            return False
        if slot >= 0:
            board.favour((slot,))
    return True
