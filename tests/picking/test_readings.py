from __future__ import annotations

from math import nan
from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.readings import kv_usage, lowest, waiting


@pytest.mark.parametrize(
    ("queues", "kept"), [([6, 0, 10], [1]), ([3, 1, 10], [0, 1]), ([4, 4], [0, 1]), ([7], [0]), ([], [])]
)
def test_the_lowest_part_of_the_range(build: Any, queues: list[int], kept: list[int]) -> None:
    candidates = [build.candidate(index, EngineLoad(at=0.0, waiting=queue)) for index, queue in enumerate(queues)]
    assert [candidate.slot for candidate in lowest(candidates, waiting)] == kept


def test_what_is_not_known_is_0(build: Any) -> None:
    unknown, odd = build.candidate(0), build.candidate(1, EngineLoad(at=0.0, kv_usage=nan))
    assert (waiting(unknown), kv_usage(unknown), kv_usage(odd)) == (0, 0.0, 0.0)
    assert kv_usage(build.candidate(2, EngineLoad(at=0.0, kv_usage=0.4))) == 0.4
