from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim.measurements import Histogram, Statistics
from modelyard.sim.prose import plan
from modelyard.sim.sequence import Sequence


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_histogram_keeps_count_and_sum(values: list[float]) -> None:
    histogram = Histogram((1.0, 10.0))
    for value in values:
        histogram.observe(value)
    assert histogram.count == len(values)
    assert abs(histogram.total - sum(values)) < 1e-6
    assert histogram.counts[0] == sum(value <= 1.0 for value in values), "bounds are inclusive"
    assert histogram.counts[2] == sum(value > 10.0 for value in values)


def test_an_aborted_sequence_is_counted_as_such_only() -> None:
    statistics = Statistics()
    sequence = Sequence(b"hello", plan(1, limit=3, natural=1, room=9), block_size=16)
    statistics.ended(sequence, "abort", 5.0)
    assert statistics.finished["abort"] == 1
    assert statistics.end_to_end.count == 0


def test_an_ended_sequence_leaves_its_times() -> None:
    statistics = Statistics()
    sequence = Sequence(b"hello", plan(1, limit=3, natural=1, room=9), block_size=16)
    sequence.arrived_at, sequence.admitted_at, sequence.first_at, sequence.last_at = 1.0, 2.0, 3.0, 5.0
    sequence.generated = 3
    statistics.ended(sequence, "length", 5.0)
    assert statistics.end_to_end.total == 4.0
    assert statistics.inference.total == 3.0
    assert statistics.prefill.total == 1.0
    assert statistics.decode.total == 2.0
    assert statistics.per_output_token.total == 1.0
