from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.control import weights_provider
from modelyard.control.weights_provider import ROOT_VARIABLE, FetchingProvider, weights_root
from modelyard.local.home import Home
from modelyard.local.weights_provider import WeightsMissing
from modelyard.resources.weights_source import WeightsSource
from modelyard.weights.fetching import ADAPTER_LIMITS, FetchedWeights, Progress, WeightsError


class Line:
    """Stands in for the hub: every fetch waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[dict[str, Any]] = []
        self.started, self.stopped = threading.Event(), threading.Event()
        self.fails = False
        self.held_by = ""

    def moment(self, source: str) -> Progress:
        if self.held_by:
            return Progress(phase="waiting", source=source, note=self.held_by)
        return Progress(phase="fetching", source=source, done=1, total=2)

    def fetch(
        self, source: WeightsSource, root: Path, *, progress: Callable[[Progress], None], **options: Any
    ) -> FetchedWeights:
        self.asked.append(options)
        self.started.set()
        try:
            while not self.go.wait(0.01):
                progress(self.moment(str(source)))
        except Exception:
            self.stopped.set()
            raise
        if self.fails:
            raise WeightsError("the line is down")
        return FetchedWeights(path=root / source.folder, source=str(source), revision="r", digest="d", size=2)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    monkeypatch.setattr(weights_provider, "fetch", line.fetch)
    return line


def bounded(run: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(run(), 20))


def test_one_fetch_serves_all_who_wait_and_tells_them_all(line: Line, tmp_path: Path) -> None:
    async def run() -> None:
        provider = FetchingProvider(tmp_path)
        told = [asyncio.Event(), asyncio.Event()]
        waiting = [
            asyncio.create_task(provider.provide("org/m", lambda _, one=one: one.set(), token="t")) for one in told
        ]
        for one in told:
            await one.wait()
        line.go.set()
        assert await asyncio.gather(*waiting) == [tmp_path / "hub--org--m@main"] * 2

    bounded(run)
    assert len(line.asked) == 1
    assert line.asked[0]["token"] == "t"


def test_the_last_one_who_leaves_ends_the_fetch(line: Line, tmp_path: Path) -> None:
    async def run() -> None:
        provider = FetchingProvider(tmp_path)
        first, second = (asyncio.create_task(provider.provide("org/m", lambda text: None)) for _ in range(2))
        await asyncio.to_thread(line.started.wait, 20)
        first.cancel()
        await asyncio.wait({first})
        assert not line.stopped.is_set()
        second.cancel()
        await asyncio.wait({second})
        assert await asyncio.to_thread(line.stopped.wait, 20)
        line.go.set()
        assert await provider.provide("org/m", lambda text: None) == tmp_path / "hub--org--m@main"

    bounded(run)
    assert len(line.asked) == 2


def test_the_log_names_once_whoever_is_waited_for(line: Line, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    line.held_by = "process 4711"

    async def run() -> None:
        heard: list[str] = []
        enough = asyncio.Event()

        def say(line: str) -> None:
            heard.append(line)
            if len(heard) == 3:
                enough.set()

        waiting = asyncio.create_task(FetchingProvider(tmp_path).provide("org/m", say))
        await enough.wait()
        line.go.set()
        await waiting
        assert set(heard) == {"waits for another process that fetches org/m (process 4711)"}

    bounded(run)
    assert [record.message for record in caplog.records if record.name.startswith("modelyard")] == [
        "waits for another process that fetches org/m (process 4711)"
    ]


def test_a_failure_comes_out_as_what_the_runner_knows(line: Line, tmp_path: Path) -> None:
    line.fails = True
    line.go.set()
    with pytest.raises(WeightsMissing, match="the line is down"):
        bounded(lambda: FetchingProvider(tmp_path).provide("org/m", lambda text: None))


def test_adapters_have_their_own_limits(line: Line, tmp_path: Path) -> None:
    line.go.set()
    bounded(lambda: FetchingProvider(tmp_path).provide("org/m", lambda text: None, adapter=True))
    assert line.asked[0]["limits"] is ADAPTER_LIMITS


def test_paths_are_where_they_are_and_the_rest_is_below_the_root(tmp_path: Path) -> None:
    provider = FetchingProvider(tmp_path)
    assert provider.path_of("/disk/m") == Path("/disk/m")
    assert provider.path_of("gs://bucket/m") == tmp_path / "gs--bucket--m"


def test_a_path_whose_disk_is_not_mounted(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to("/nowhere/disk")
    provider = FetchingProvider(tmp_path)
    with pytest.raises(WeightsMissing, match="models is a link to /nowhere/disk, which is not there: make or mount"):
        bounded(lambda: provider.provide(str(tmp_path / "models" / "m"), print))


def test_the_root_may_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    assert weights_root(Home.at(tmp_path)) == tmp_path / "weights"
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "shared"))
    assert weights_root(Home.at(tmp_path)) == tmp_path / "shared"


def test_files_are_read_ahead_and_a_failure_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"x" * 4096)
    provider = FetchingProvider(tmp_path)
    bounded(lambda: provider.prefetch(tmp_path / "m", lambda text: None))
    bounded(lambda: provider.prefetch(tmp_path / "none", lambda text: None))
