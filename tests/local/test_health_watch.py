from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modelyard.local.health_watch import HealthWatch
from modelyard.local.probes import Exec, Probe
from modelyard.local.replica_plan import ReplicaPlan


def ended(directory: Path, **probes: Probe) -> tuple[str, float | None]:
    plan = ReplicaPlan(
        name="m-0",
        namespace="default",
        deployment="m",
        container="c",
        labels={},
        engine="vllm",
        address="127.8.1.1",
        ports=(),
        argv=(),
        env={},
        directory=str(directory),
        **probes,  # type: ignore[arg-type]
    )
    return asyncio.run(asyncio.wait_for(HealthWatch(plan, lambda *moment: None).run(), 20))


@pytest.mark.parametrize("kind", ["startup", "liveness"])
@pytest.mark.parametrize("grace", [None, 2.0])
def test_a_probe_that_ends_the_container_may_have_a_grace_of_its_own(
    tmp_path: Path, kind: str, grace: float | None
) -> None:
    probe = Probe(action=Exec(command=("false",)), timeout=20, failure_threshold=1, grace=grace)
    assert ended(tmp_path, **{kind: probe}) == (f"{kind} probe failed 1 times: false ended with 1", grace)
