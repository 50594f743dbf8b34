"""How many connections a worker has beyond its share."""

from __future__ import annotations

import pytest

from modelyard.control.connection_spread import too_many


@pytest.mark.parametrize(
    ("asking", "surplus"),
    [
        ([0, 0], [0, 0]),
        ([1, 0, 0, 0], [0, 0, 0, 0]),
        ([2, 0], [1, 0]),
        ([2, 1], [0, 0]),
        ([4, 0, 0, 0], [3, 0, 0, 0]),
        ([3, 2, 0], [1, 0, 0]),
        ([8, 8], [0, 0]),
    ],
)
def test_the_share_is_rounded_up(asking: list[int], surplus: list[int]) -> None:
    assert too_many(asking) == surplus
