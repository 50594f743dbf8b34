from __future__ import annotations

from modelyard.picking.groups import Groups, boost_of, in_both, raise_slots

ONE: Groups = [(9, {3}), (5, {1, 2, 3})]
TWO: Groups = [(7, [1, 3]), (2, [0])]


def test_a_slot_counts_where_it_is_named_first() -> None:
    assert [boost_of(slot, [ONE, TWO]) for slot in range(5)] == [2, 12, 5, 16, 0]


def test_the_same_for_all_slots_at_once() -> None:
    totals = [0] * 5
    for groups in (ONE, TWO):
        raise_slots(totals, groups)
    assert totals == [2, 12, 5, 16, 0]


def test_who_is_in_a_group_of_each() -> None:
    assert [(added, sorted(slots)) for added, slots in in_both(ONE, TWO)] == [(16, [3]), (12, [1, 3])]
