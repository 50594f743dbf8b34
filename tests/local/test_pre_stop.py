from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from modelyard.local.pre_stop import PreStop, run_hook
from modelyard.local.probes import Exec


def test_a_hook_that_fails_says_so(tmp_path: Path) -> None:
    def run(code: str, seconds: float = 30.0) -> str:
        hook = PreStop(action=Exec(command=(sys.executable, "-c", code)))
        return asyncio.run(run_hook(hook, env=os.environ, directory=tmp_path, seconds=seconds))

    assert run("open('ran', 'w')") == ""
    assert (tmp_path / "ran").exists()
    assert "ended with 3" in run("raise SystemExit(3)")
    assert "failed" in run("", seconds=0.0)
