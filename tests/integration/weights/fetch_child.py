"""Fetches in a process of its own, which tests kill: ``fetch_child.py SOURCE ROOT [KEEP_FREE]``.

``fetch_child.py SOURCE ROOT KEEP_FREE forks`` starts such a process for each line that it reads and writes its id: one
that has imported everything already.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelyard.resources.weights_source import parse_source
from modelyard.weights import bucket_store, hub_store
from modelyard.weights.fetching import FetchLimits, WeightsError, fetch

assert hub_store, bucket_store


def main(source: str, root: str, keep_free: str = "0") -> None:
    try:
        print(fetch(parse_source(source), Path(root), limits=FetchLimits(keep_free=int(keep_free))).digest)
    except WeightsError as problem:
        sys.exit(f"{type(problem).__name__}: {problem}")


def forks(*arguments: str) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            main(*arguments)
            sys.stdout.flush()
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    if sys.argv[4:] == ["forks"]:
        forks(*sys.argv[1:4])
    else:
        main(*sys.argv[1:])
