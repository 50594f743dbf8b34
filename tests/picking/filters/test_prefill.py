from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.prefill import PrefillFilter


def test_only_endpoints_with_the_role_are_kept(build: Any) -> None:
    candidates = [build.candidate(0), build.candidate(1, labels={"llm-d.ai/role": "prefill"})]
    assert build.policy(PrefillFilter).keep(candidates, PickRequest("m")) == candidates[1:]
