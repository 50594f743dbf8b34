"""Three real replicas are replaced one after another while streams never pause: none fails, none is cut off."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from .conftest import REPLICAS
from .running_yard import ENGINE, RunningYard
from .streams import Load, run, soon

pytestmark = [*ENGINE]
MODEL = "demo-llama"
CLIENTS = 8
"""While a replica comes and another goes. While an engine only loads it is one, which leaves it half of the machine:
what is shown does not happen then."""
TOKENS = 200


@dataclass
class Restart:
    """It, watched."""

    yard: RunningYard
    load: Load
    fewest: list[int] = field(default_factory=list)
    """How many were available, at each look."""
    open_at: dict[int, int] = field(default_factory=dict)
    """Process id of a replica that went -> most streams seen open at it after it had left rotation."""
    changing: bool = False
    """A new one is ready, or an old one goes."""
    note: str = ""
    over: bool = False

    async def row(self) -> dict[str, Any]:
        """Of ``rollout status``."""
        rows = (await asyncio.to_thread(self.yard.admin, "/api/rollouts"))["rollouts"]
        return dict(next(one for one in rows if one["name"] == MODEL))

    async def until_available(self) -> None:
        """All of them have been ready for as long as ``minReadySeconds`` asks."""
        async with asyncio.timeout(120):
            while (await self.row())["availableReplicas"] < REPLICAS:  # noqa: ASYNC110 - a yard tells nobody
                await asyncio.sleep(0.1)

    async def run(self) -> None:
        """Ask for it, and return when it is complete."""
        row = await asyncio.to_thread(self.yard.cli_json, "rollout", "restart", MODEL)
        while not row["complete"]:
            await asyncio.sleep(0.1)
            for item in (await asyncio.to_thread(self.yard.replicas)).values():
                if item["phase"] == "Stopping" and item["pid"]:
                    self._look_at(item)
            row = await self.row()
            self.fewest.append(row["availableReplicas"])
            self.changing = row["readyReplicas"] > row["availableReplicas"] or row["leaving"] > 0
        self.note, self.over, self.changing = row["note"], True, False

    def _look_at(self, leaving: dict[str, Any]) -> None:
        address = f"{leaving['address']}:8000"
        streams = sum(one.open and one.replica == address for one in self.load.streams)
        self.open_at[leaving["pid"]] = max(streams, self.open_at.get(leaving["pid"], 0))

    async def crowd(self) -> None:
        """Further clients at each change."""
        while not self.over:
            await soon(lambda: self.changing or self.over, "the next change", 600)
            await self.load.run(CLIENTS - 1, more=lambda: self.changing)


@pytest.mark.timeout(1200)
def test_a_rolling_restart_loses_no_stream(three_replicas: RunningYard) -> None:
    yard = three_replicas
    before = {item["pid"] for item in yard.replicas().values()}
    assert len(before) == REPLICAS
    load = Load(yard.address, MODEL, TOKENS)
    restart = Restart(yard, load)
    took: list[float] = []

    async def restarted() -> None:
        await soon(lambda: load.finished, "streams are served", 120)
        await restart.until_available()
        began = time.monotonic()
        try:
            await restart.run()
        finally:
            restart.over, restart.changing = True, False
        took.append(time.monotonic() - began)

    async def test() -> None:
        await asyncio.gather(restarted(), load.run(1, more=lambda: not restart.over), restart.crowd())

    run(test, 800)
    print(f"\n{REPLICAS} replicas replaced in {took[0]:.0f} s; {len(load.streams)} streams meanwhile; {restart.note}")
    print("open at those that went:", *restart.open_at.values())
    now = {item["pid"] for item in yard.replicas().values()}
    assert len(now) == REPLICAS
    assert not now & before
    assert min(restart.fewest) >= REPLICAS - 1
    assert restart.open_at.keys() == before
    assert any(restart.open_at.values()), "no stream was seen open at a replica that went: the test shows nothing"
    broken = [one for one in load.streams if not one.whole]
    assert not broken, (len(broken), len(load.streams), broken[:3])
    assert {one.usage["completion_tokens"] for one in load.streams} == {TOKENS}
