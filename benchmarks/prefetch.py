"""What reading safetensors ahead is worth: ``python -m benchmarks.prefetch [FOLDER] [--size 2] [--readers 1 4 16]``.

Files of noise, out of the page cache (``POSIX_FADV_DONTNEED``, no privileges), are read as an engine reads them:
mapped, one after another, every page touched. Then the same after ``read_ahead`` with so many readers; the median of
interleaved rounds. Run it on a folder of the networked disk or mounted bucket in question: there reading ahead pays.
"""

from __future__ import annotations

import argparse
import mmap
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.late_disk import late_disk
from modelyard.weights.prefetch import read_ahead, weight_files

_FILES = 4
_NOISE = 1 << 24
_PAGE = mmap.PAGESIZE


def main() -> None:
    """Measure and print a table."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as made, ExitStack() as stack:
        folder = Path(made)
        if options.late:
            stack.enter_context(late_disk(folder, int(options.size * 1e9), options.late / 1000))
        else:
            _make(folder, int(options.size * 1e9))
        ways: list[int | None] = [None, *options.readers]
        rounds = [{readers: _round(folder, readers) for readers in ways} for _ in range(options.rounds)]
    print(f"{options.size:g} GB in {_FILES if not options.late else 1} files, median of {options.rounds} rounds")
    print("| | read ahead, GB/s | load after it, s | both, s |\n|---|---:|---:|---:|")
    for readers in ways:
        ahead, load = (statistics.median(taken[readers][step] for taken in rounds) for step in (0, 1))
        name = "mapped, not read ahead" if readers is None else f"read ahead by {readers}"
        rate = f"{options.size / ahead:.2f}" if ahead else "-"
        print(f"| {name} | {rate} | {load:.2f} | {ahead + load:.2f} |")


def _round(folder: Path, readers: int | None) -> tuple[float, float]:
    _forget(folder)
    ahead = 0.0 if readers is None else _seconds(lambda: read_ahead(folder, readers=readers))
    return ahead, _seconds(lambda: _load(folder))


def _make(folder: Path, size: int) -> None:
    noise = os.urandom(_NOISE)
    for number in range(_FILES):
        with (folder / f"model-{number + 1:05d}-of-{_FILES:05d}.safetensors").open("wb") as file:
            for _ in range(size // _FILES // _NOISE):
                file.write(noise)
            file.flush()
            os.fsync(file.fileno())


def _forget(folder: Path) -> None:
    """Out of the page cache; pages that are not written yet would stay, hence the fsync above."""
    for path in weight_files(folder):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _load(folder: Path) -> None:
    for path in weight_files(folder):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            sum(mapped[::_PAGE][:1])


def _seconds(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", default=None, help="where the files are made (default: the temporary folder)"
    )
    parser.add_argument("--size", type=float, default=2.0, help="GB in all")
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 4, 16], help="numbers of readers to try")
    parser.add_argument("--late", type=float, default=0.0, help="ms: on a disk that answers each read so late (root)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
