from __future__ import annotations

from modelyard.extproc.grpc_limits import GrpcLimits


def test_a_body_of_the_largest_size_is_one_message() -> None:
    assert GrpcLimits().for_bodies(1 << 30).max_message > 1 << 30
    assert GrpcLimits().for_bodies(1) == GrpcLimits()


def test_a_bound_that_is_given_counts_in_both_directions() -> None:
    small, large = GrpcLimits().for_messages(1000), GrpcLimits().for_messages(1 << 30)
    assert (small.max_message, small.max_kept) == (1000, GrpcLimits().max_kept)
    assert (large.max_message, large.max_kept) == (1 << 30, 1 << 30)
    assert GrpcLimits().for_messages(1 << 31).max_kept_by_all == 1 << 31
