from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelyard.local.replica_changes import needs_restart
from modelyard.local.replica_plan import AppliedSetting, LocalFile, ReplicaPlan

PLAN = ReplicaPlan(
    name="m-0",
    namespace="default",
    deployment="m",
    container="c",
    labels={},
    engine="vllm",
    address="127.8.1.1",
    ports=(),
    argv=("a",),
    env={},
    directory="/r",
)


@pytest.mark.parametrize(
    ("changed", "restart"),
    [
        ({}, False),
        ({"labels": {"app": "m"}}, False),
        ({"files": (LocalFile(path="x", content=b""),)}, False),
        ({"settings": (AppliedSetting(setting="s", change="c", reason="r"),)}, False),
        ({"grace": 1.0}, False),
        ({"service_links": {"A_SERVICE_HOST": "127.8.1.3"}}, False),
        ({"restarted_at": "2026-01-01T00:00:00Z"}, True),
        ({"argv": ("b",)}, True),
        ({"env": {"A": "1"}}, True),
        ({"address": "127.8.1.2"}, True),
    ],
)
def test_what_needs_a_restart(changed: dict[str, Any], restart: bool) -> None:
    assert needs_restart(PLAN, msgspec.structs.replace(PLAN, **changed)) is restart
