"""Three real replicas are replaced one after another while streams never pause: none fails, none is cut off."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from .conftest import YardPlace
from .running_yard import ENGINE, QUICKSTART, RunningYard
from .streams import Load, run, soon

pytestmark = [*ENGINE]
REPLICAS = 3
CLIENTS = 2
TOKENS = 100


@pytest.fixture
def three_replicas(tmp_path: Path, yard_place: YardPlace) -> RunningYard:
    """Of the first model; the second is left out. The shared yard makes room."""
    yard_place.end()
    models = (QUICKSTART / "models.yaml").read_text()
    models = models.replace("  replicas: 1", "  replicas: 0").replace("  replicas: 2", f"  replicas: {REPLICAS}")
    gateway = (QUICKSTART / "gateway.yaml").read_text()
    return RunningYard(tmp_path, {"gateway.yaml": gateway, "models.yaml": models})


@pytest.mark.timeout(1200)
def test_a_rolling_restart_loses_no_stream(three_replicas: RunningYard) -> None:
    yard = three_replicas
    try:
        yard.start()
        print(f"\nready after {yard.start_seconds:.0f} s")
        before = {item["pid"] for item in yard.replicas().values()}
        assert len(before) == REPLICAS
        load = Load(yard.address, "demo-llama", TOKENS)
        fewest: list[int] = []

        async def restart() -> None:
            await soon(lambda: load.finished >= CLIENTS, "streams are served", 120)
            began, streams = time.monotonic(), len(load.streams)
            row = await asyncio.to_thread(yard.cli_json, "rollout", "restart", "demo-llama")
            while not row["complete"]:
                row = (await asyncio.to_thread(yard.admin, "/api/rollouts"))["rollouts"]
                row = next(one for one in row if one["name"] == "demo-llama")
                fewest.append(row["availableReplicas"])
                await asyncio.sleep(0.2)
            seconds, during = time.monotonic() - began, len(load.streams) - streams
            print(f"\n{REPLICAS} replicas replaced in {seconds:.0f} s; {during} streams meanwhile; {row['note']}")

        async def test() -> None:
            restarting = asyncio.create_task(restart())
            await load.run(CLIENTS, more=lambda: not restarting.done())
            await restarting

        run(test, 800)
        now = {item["pid"] for item in yard.replicas().values()}
        assert len(now) == REPLICAS
        assert not now & before
        assert min(fewest) >= REPLICAS - 1
        broken = [one for one in load.streams if not one.whole]
        assert not broken, (len(broken), len(load.streams), broken[:3])
        assert {one.usage["completion_tokens"] for one in load.streams} == {TOKENS}
    finally:
        yard.end()
