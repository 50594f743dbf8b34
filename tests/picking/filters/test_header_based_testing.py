from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.header_based_testing import HEADER, HeaderBasedTestingFilter


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("10.0.0.1:8000", [0]),
        ("10.0.0.1:8001", []),
        ("10.0.0.2", [1]),
        (" 10.0.0.3:8000 , 10.0.0.1", [0, 2]),
        ("elsewhere", []),
        ("", []),
        (None, []),
    ],
)
def test_the_header_names_them(build: Any, header: str | None, kept: list[int]) -> None:
    policy = build.policy(HeaderBasedTestingFilter)
    request = PickRequest("m", "m", headers={HEADER: header} if header is not None else None)
    candidates = [build.candidate(index) for index in range(3)]
    assert [candidate.slot for candidate in policy.keep(candidates, request)] == kept
    assert policy.key(request) == (header or "")
