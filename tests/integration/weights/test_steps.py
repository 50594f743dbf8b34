from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "weights"))

from memory_store import MemoryStore

from modelyard.resources.weights_source import parse_source
from modelyard.weights import fetching
from modelyard.weights.fetching import FetchLimits, fetch
from modelyard.weights.published import read_manifest, verify

pytestmark = pytest.mark.integration
SOURCE = parse_source("acme/tiny")
LIMITS = FetchLimits(keep_free=0, parallel=1)
OLD = {"config.json": b"{}", "model.safetensors": b"a" * 5000}
NEW = {"config.json": b'{"new": true}', "model.safetensors": b"b" * 5000}


def test_killed_before_every_step_that_makes_something_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update, which moves the old folder aside, in a child that dies before its n-th fsync, rename or removal; for
    every n until one lives. After each kill the folder is the old one or the new one, whole."""
    store = MemoryStore(OLD)
    monkeypatch.setattr(fetching, "open_store", lambda *arguments: store)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a kill loses nothing that was written
    seen, step = set(), 0
    while True:
        step += 1
        root = tmp_path / str(step)
        store.files = OLD
        first = fetch(SOURCE, root, limits=LIMITS)
        store.files = NEW
        ended = _update_that_dies_at(step, root)
        found = fetch(SOURCE, root, limits=LIMITS)
        manifest = read_manifest(found.path)
        assert manifest is not None
        assert verify(found.path, manifest).sound
        seen.add("old" if found.digest == first.digest else "new")
        last = fetch(SOURCE, root, limits=LIMITS, update=True)
        assert (last.path / "model.safetensors").read_bytes() == NEW["model.safetensors"]
        assert not [path for path in (root / ".partial").iterdir() if path.is_dir()]
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert step > 15
    assert seen == {"old", "new"}


def _update_that_dies_at(step: int, root: Path) -> int:
    child = os.fork()
    if child == 0:
        try:
            _count_down(step)
            fetch(SOURCE, root, limits=LIMITS, update=True)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _count_down(step: int) -> None:
    left = [step]

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return counted

    for name in ("rename", "fsync", "rmdir", "unlink"):
        setattr(os, name, dying(getattr(os, name)))
