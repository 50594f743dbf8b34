from __future__ import annotations

import subprocess
import sys


def test_a_worker_that_starts_ignores_ctrl_c(tmp_path: object) -> None:
    """And it is run as its own program, with its own arguments."""
    command = [sys.executable, "-m", "modelyard.worker.start", "a_worker", "--control", "x"]
    with open(f"{tmp_path}/a_worker.py", "w") as file:
        file.write("import os, sys\nos.kill(os.getpid(), 2)\nprint(__name__, *sys.argv[1:])\n")
    done = subprocess.run(command, cwd=str(tmp_path), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["__main__", "--control", "x"]
