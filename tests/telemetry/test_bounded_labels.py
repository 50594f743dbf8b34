from __future__ import annotations

from modelyard.telemetry.bounded_labels import LONGEST, OTHER, BoundedLabels


def test_the_first_values_are_labels() -> None:
    labels = BoundedLabels(2)
    assert [labels.of(value) for value in ("a", "b", "c", "a", "")] == ["a", "b", OTHER, "a", ""]


def test_what_is_not_to_be_learnt_is_other_unless_known() -> None:
    labels = BoundedLabels(2)
    assert labels.of("a", learn=False) == OTHER
    labels.of("a")
    assert labels.of("a", learn=False) == "a"


def test_a_long_value_is_no_label() -> None:
    assert BoundedLabels(2).of("x" * (LONGEST + 1)) == OTHER
