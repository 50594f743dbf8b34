"""``python -m modelyard.worker.start MODULE ARGUMENTS``: a worker of that module, whose start Ctrl-C does not disturb.

Ctrl-C in a terminal reaches every process of the command. The control process drains the workers; one that is still
importing must not end with a traceback meanwhile. An ignored signal stays so until the worker handles it itself.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)

import runpy  # noqa: E402 - everything that takes time comes after
import sys  # noqa: E402


def start(module: str) -> None:
    """Run ``module`` as the program."""
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    del sys.argv[0]
    start(sys.argv[0])
