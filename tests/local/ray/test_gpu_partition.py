from __future__ import annotations

import pytest

from modelyard.local.ray.gpu_partition import partition


@pytest.mark.parametrize(
    ("asked", "gpus", "found"),
    [
        ([], 4, []),
        ([2.0], 4, [(0, 1, 2, 3)]),
        ([1.0, 2.0], 4, [(0, 1), (2, 3)]),
        ([0.0, 1.0], 2, [(), (0, 1)]),
        ([4.0, 4.0], 4, [(0, 2), (1, 3)]),
        ([4.0, 1.0], 4, [(0, 2, 3), (1,)]),
        ([1.0, 1.0, 1.0], 2, [(0,), (1,), (0,)]),
        ([0.5, 0.0], 1, [(0,), ()]),
        ([1.0, 1.0], 0, [(), ()]),
    ],
)
def test_gpus_are_dealt_out(asked: list[float], gpus: int, found: list[tuple[int, ...]]):
    assert partition(asked, gpus) == found
