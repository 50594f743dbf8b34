from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
from hub_site import HubSite

from conftest import TAKEN, Start
from modelyard.resources.weights_source import parse_source
from modelyard.weights.fetching import FetchLimits, fetch
from modelyard.weights.published import read_manifest, verify

pytestmark = pytest.mark.integration
SOURCE = parse_source("acme/tiny")
KILLS = 20


def test_killed_at_twenty_random_points_it_ends_complete_and_verified(
    hub: HubSite, start: Start, tmp_path: Path
) -> None:
    """The content server stops sending at a random byte and the process is killed there, so that every kill falls into
    the download, however fast the machine is."""
    rng = random.Random(20)
    total = sum(len(hub.files[name]) for name in TAKEN if name.endswith(".safetensors"))
    points = [rng.randrange(total // KILLS) for _ in range(KILLS)]
    server = start(str(SOURCE), tmp_path, forks=True)
    assert server.stdin is not None
    assert server.stdout is not None
    for point in points:
        hub.content.tap.stall(point)
        print(file=server.stdin, flush=True)
        child = int(server.stdout.readline())
        assert hub.content.tap.stalled.wait(60)
        assert not (tmp_path / SOURCE.folder).exists()
        os.kill(child, signal.SIGKILL)
        assert server.stdout.readline() == "ended\n"
    hub.content.tap.open()
    before = hub.content.requests.copy()
    found = fetch(SOURCE, tmp_path, limits=FetchLimits(keep_free=0))
    assert all((found.path / name).read_bytes() == hub.files[name] for name in TAKEN)
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound
    assert len(before) >= KILLS
    resumed = [headers["range"] for _, _, headers in hub.content.requests[len(before) :]]
    assert any(asked != "bytes=0-" for asked in resumed), "what was written before a kill is not fetched again"
    assert not [path for path in (tmp_path / ".partial").iterdir() if path.is_dir()]
