from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelyard.cli import lora_sync
from modelyard.cli.commands import application
from modelyard.lora.sidecar import SidecarSettings
from modelyard.weights.progress import Progress


def test_a_fetch_under_way_does_not_keep_the_syncer_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def fetch(source: object, root: Path, *, progress: Any, limits: object) -> None:
        begun.set()
        may_go_on.wait(60)
        try:
            progress(Progress(phase="fetching", source="org/a"))
        finally:
            ended.set()

    monkeypatch.setattr(lora_sync, "fetch", fetch)

    async def told_to_end() -> None:
        task = asyncio.ensure_future(lora_sync.fetching(tmp_path)("org/a", lambda text: None))
        async with asyncio.timeout(10):
            while not begun.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait({task})

    thread = threading.Thread(target=asyncio.run, args=(told_to_end(),), daemon=True)
    thread.start()
    thread.join(10)
    stuck = thread.is_alive()
    may_go_on.set()
    assert not stuck
    assert ended.wait(10)


def settings_of(monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str) -> SidecarSettings:
    """What a command line means."""
    found: list[SidecarSettings] = []

    class Recorded:
        def __init__(self, settings: SidecarSettings, fetch: object) -> None:
            found.append(settings)

        async def run(self, ready: object) -> None:
            pass

    monkeypatch.setattr(lora_sync, "Sidecar", Recorded)
    result = CliRunner().invoke(application(), ["lora-sync", *arguments], env=environment)
    assert result.exit_code == 0, result.output
    return found[0]


def test_flags_and_environment_are_those_of_the_original_syncer(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = settings_of(monkeypatch)
    assert str(defaults.config) == "/config/configmap.yaml"
    assert (defaults.health_timeout, defaults.health_interval, defaults.trigger) == (300, 2, 5)
    assert (defaults.metrics_host, defaults.metrics_port) == ("0.0.0.0", 8080)
    assert (defaults.adapters_dir, defaults.api_key) == (None, "")
    every = ("--health-check-timeout", "7", "--health-check-interval", "3", "--reconcile-trigger", "2")
    more = ("--config", "/a.yaml", "--config-validation", "--metrics-port", "9090")
    given = settings_of(monkeypatch, *every, *more, DYNAMIC_LORA_ROLLOUT_CONFIG="/b.yaml", VLLM_API_KEY="k")
    assert str(given.config) == "/a.yaml"
    assert (given.health_timeout, given.health_interval, given.trigger, given.metrics_port) == (7, 3, 2, 9090)
    assert given.api_key == "k"
    assert str(settings_of(monkeypatch, DYNAMIC_LORA_ROLLOUT_CONFIG="/b.yaml").config) == "/b.yaml"
