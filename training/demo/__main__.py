"""Makes the demo models: ``<engine python> -m training.demo OUT [--compare SHA256SUMS]``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from training.demo.making import NAMES, make, say
from training.demo.publishing import differing


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code: 3 where ``--compare`` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m training.demo", description=__doc__)
    parser.add_argument("out", type=Path, help="directory that gets one folder per model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES, help="make these; the others must be there")
    parser.add_argument("--compare", type=Path, help="a SHA256SUMS that the result should agree with")
    options = parser.parse_args(argv)
    reference = options.compare and options.compare.read_text()
    began = time.monotonic()
    make(options.out, options.seed, options.only)
    say(f"made in {options.out} in {time.monotonic() - began:.0f} s")
    differ = differing(options.out, NAMES, reference) if reference else []
    for path in differ:
        say(f"differs: {path}")
    if reference and not differ:
        say(f"every file is as {options.compare} says")
    return 3 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
