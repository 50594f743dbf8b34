from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.decode import DecodeFilter
from modelyard.picking.filters.encode import EncodeFilter
from modelyard.picking.filters.prefill import PrefillFilter

ROLES = ["", "encode", "prefill", "decode", "both", "prefill-decode", "encode-prefill-decode", "other"]


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (DecodeFilter, ["", "decode", "both", "prefill-decode", "encode-prefill-decode"]),
        (PrefillFilter, ["prefill", "both", "prefill-decode", "encode-prefill-decode"]),
        (EncodeFilter, ["encode", "encode-prefill-decode"]),
    ],
)
def test_endpoints_are_kept_by_their_roles(build: Any, kind: Any, kept: list[str]) -> None:
    candidates = [build.candidate(i, labels={"llm-d.ai/role": role} if role else {}) for i, role in enumerate(ROLES)]
    left = build.policy(kind).keep(candidates, PickRequest("m"))
    assert [candidate.labels.get("llm-d.ai/role", "") for candidate in left] == kept
