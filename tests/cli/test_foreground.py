from __future__ import annotations

import subprocess
import sys


def test_a_log_that_goes_to_no_terminal_has_whole_lines_without_padding() -> None:
    text = "word " * 100 + "end"
    program = (
        "import logging; from modelyard.cli.foreground import log_to_stderr; log_to_stderr(False); "
        f"logging.getLogger('modelyard.x').warning('%s', {text!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    (line,) = done.stderr.splitlines()
    assert line.endswith(f" WARNING {text}")
