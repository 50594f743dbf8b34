from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hub_site import HubSite

from conftest import Start
from modelyard.resources.weights_source import parse_source
from modelyard.weights.fetching import FetchLimits, Progress, WeightsError, fetch

pytestmark = pytest.mark.integration
SOURCE = parse_source("acme/tiny")
LIMITS = FetchLimits(keep_free=0)


def test_many_that_want_the_same_fetch_it_once(hub: HubSite, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: fetch(SOURCE, tmp_path, limits=LIMITS), range(6)))
    assert len(set(found)) == 1
    assert len(hub.content.requests) == 2


def test_a_holder_that_dies_is_succeeded(hub: HubSite, start: Start, tmp_path: Path) -> None:
    hub.content.tap.stall(1_000_000)
    server = start(str(SOURCE), tmp_path, forks=True)
    assert server.stdin is not None
    assert server.stdout is not None
    print(file=server.stdin, flush=True)
    holder = int(server.stdout.readline())
    assert hub.content.tap.stalled.wait(60)
    with pytest.raises(WeightsError, match=f"process {holder} still holds"):
        fetch(SOURCE, tmp_path, limits=FetchLimits(wait=0.0))
    heard: list[Progress] = []

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if len(heard) == 1:
            os.kill(holder, signal.SIGKILL)
            hub.content.tap.open()

    fetch(SOURCE, tmp_path, progress=hear, limits=LIMITS)
    assert heard[0].phase == "waiting"
    assert heard[0].note == f"process {holder}"
    assert heard[-1].phase == "done"
