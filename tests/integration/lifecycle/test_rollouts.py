"""Deployments that are restarted, changed, broken and taken back under a constant load of streams: none fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import pytest
from engine.streams import Load

from modelyard.cli.exit_codes import ExitCode

from .conftest import SURGE, SimYard, manifest, streaming, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(450)]
IN_PLACE = "{rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}"
ALL_AT_ONCE = '{rollingUpdate: {maxSurge: "100%", maxUnavailable: "0%"}}'


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(400):
            await test()

    asyncio.run(bounded())


async def replaced(yard: SimYard, before: dict[str, int]) -> None:
    """Every process is another one, and nothing is left to do."""

    def done() -> bool:
        row, now = yard.rollout(), yard.pids()
        enough = row["complete"] and len(now) == row["desiredReplicas"]
        return enough and not set(now.values()) & set(before.values())

    await until(done, "every replica is replaced")


class Watched:
    """The fewest replicas that were available, and the most that were there."""

    def __init__(self, yard: SimYard) -> None:
        self.yard, self.fewest, self.most = yard, 99, 0

    def look(self) -> bool:
        row = self.yard.rollout()
        self.fewest = min(self.fewest, row["availableReplicas"])
        self.most = max(self.most, row["replicas"] + row["leaving"])
        return bool(row["complete"])


@pytest.mark.parametrize(
    ("strategy", "fewest", "most"),
    [(SURGE, 3, 4), (IN_PLACE, 2, 3), (ALL_AT_ONCE, 3, 6)],
    ids=["surge", "in-place", "all"],
)
def test_a_restart_loses_no_stream(shared_yard: SimYard, strategy: str, fewest: int, most: int) -> None:
    yard = shared_yard

    async def test() -> None:
        yard.write(manifest(strategy=strategy))
        await until(lambda: yard.rollout()["complete"], "the strategy is taken over")
        said = yard.rollout()["strategy"]
        wanted = {SURGE: "1 more, 0 unavailable", IN_PLACE: "0 more, 1", ALL_AT_ONCE: "3 more, 0"}[strategy]
        await until(lambda: wanted in yard.rollout()["strategy"], f"{said} becomes {wanted}")
        before, watched = yard.pids(), Watched(yard)
        async with streaming(yard) as load:
            began = time.monotonic()
            assert yard.ask("/api/rollouts/default/m/restart", {})[0] == 200
            assert not yard.rollout()["complete"]
            await until(watched.look, "complete")
            await replaced(yard, before)
            seconds = time.monotonic() - began
        print(f"\n{wanted}: {seconds:.1f} s, {len(load.streams)} streams, all whole")
        assert watched.fewest >= fewest
        assert watched.most <= most

    run(test)
    assert yard.rollout()["note"] == ""


def test_a_restart_during_a_restart_replaces_everything_again(shared_yard: SimYard) -> None:
    yard = shared_yard

    async def test() -> None:
        yard.write(manifest())
        await until(lambda: "1 more" in yard.rollout()["strategy"], "the strategy is taken over")
        async with streaming(yard):
            yard.ask("/api/rollouts/default/m/restart", {})
            await until(lambda: yard.rollout()["updatedReplicas"] == 2, "half way")
            half = yard.pids()
            yard.ask("/api/rollouts/default/m/restart", {})
            await replaced(yard, half)

    run(test)


def test_a_bad_template_stops_and_undo_takes_it_back(shared_yard: SimYard) -> None:
    yard = shared_yard

    async def test() -> None:
        yard.write(manifest(deadline=10))
        await until(lambda: yard.rollout()["complete"], "complete")
        good, before = yard.rollout()["revision"], yard.pids()
        async with streaming(yard):
            yard.write(manifest(deadline=10, seqs="nonsense"))
            await until(lambda: yard.progress() == ("False", "ProgressDeadlineExceeded"), "it is seen to have failed")
            row = yard.rollout()
            assert (row["revision"], row["availableReplicas"], row["updatedReplicas"]) == (good + 1, 3, 1)
            assert before.items() <= yard.pids().items(), "the old ones go on"
            failed = await asyncio.to_thread(yard.cli, "rollout", "status", "m", "--wait")
            assert failed.returncode == ExitCode.FAILED
            assert "rollout undo m" in failed.stderr
            undone = await asyncio.to_thread(yard.cli, "rollout", "undo", "m", "--wait", "--output", "json")
            assert undone.returncode == 0, undone.stderr
            row = json.loads(undone.stdout)
            assert (row["pinnedTo"], row["complete"]) == (good + 2, True)
            assert yard.pids() == before
            assert "pinned to revision" in (await asyncio.to_thread(yard.cli, "ps")).stdout
            history = json.loads((await asyncio.to_thread(yard.cli, "rollout", "history", "m", "-o", "json")).stdout)
            assert [one["revision"] for one in history["revisions"]][-2:] == [good + 1, good + 2]
            yard.write(manifest(seqs="65"))
            await until(lambda: yard.rollout()["pinnedTo"] is None, "an edit takes the pin away")
            await replaced(yard, before)
            assert yard.rollout()["revision"] == good + 3

    run(test)


def test_scaling_under_load(shared_yard: SimYard) -> None:
    yard = shared_yard

    async def test() -> None:
        async with streaming(yard):
            for replicas in (2, 4, 3):
                yard.write(manifest(replicas=replicas))
                await until(
                    lambda replicas=replicas: len(yard.pids()) == replicas and yard.rollout()["complete"], "scaled"
                )

    run(test)


def test_what_cannot_be_done_is_said(shared_yard: SimYard) -> None:
    yard = shared_yard
    assert yard.ask("/api/rollouts/default/none/restart", {})[0] == 404
    assert yard.ask("/api/rollouts/default/m/undo", {"toRevision": 99})[0] == 409
    assert yard.ask("/api/rollouts/default/m/undo", {"toRevision": "x"})[0] == 400
    asked = yard.cli("rollout", "restart", "none")
    assert asked.returncode == ExitCode.FAILED
    assert "default/m" in asked.stderr


def test_stop_during_a_rollout_lets_streams_finish_and_leaves_nothing(own_yard: SimYard) -> None:
    yard = own_yard
    yard.start(manifest(replicas=2))

    async def test() -> None:
        load = Load(yard.address, "m", 100)
        running = asyncio.create_task(
            load.run(4, more=lambda: not any(one.ended and one.status != 200 for one in load.streams))
        )
        await until(lambda: load.finished >= 4, "streams are served")
        yard.ask("/api/rollouts/default/m/restart", {})
        await until(lambda: yard.rollout()["updatedReplicas"] == 1, "half way")
        stopped = await asyncio.to_thread(yard.cli, "stop")
        assert stopped.returncode == 0, stopped.stderr
        await running
        assert all(one.whole for one in load.streams if one.started)

    run(test)
    assert yard.process is not None
    assert yard.process.wait(30) == ExitCode.OK
    assert list((yard.home / "replicas").iterdir()) == []
