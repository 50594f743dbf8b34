from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.decode import DecodeFilter


def test_an_endpoint_without_a_role_serves_whole_requests(build: Any) -> None:
    candidates = [build.candidate(0), build.candidate(1, labels={"llm-d.ai/role": "prefill"})]
    assert build.policy(DecodeFilter).keep(candidates, PickRequest("m")) == candidates[:1]
