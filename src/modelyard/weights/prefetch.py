"""Reads files ahead into the page cache, so that an engine which maps them finds them in memory.

Engines read one file after another, a page at a time as they touch it; networked disks and mounted buckets answer many
readers much faster than one.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import msgspec

from modelyard.weights.errors import WeightsError
from modelyard.weights.limits import SAFETENSORS, MiB
from modelyard.weights.meter import Meter

READERS = 16
"""As many as keep a networked disk or a bucket busy; a local disk needs fewer and loses nothing by more."""
_BLOCK = 16 * MiB
_PIECE = 4 * MiB
_NO_SENDFILE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""Some file systems cannot."""
_SHARE = 0.8
"""Of the memory that is free: reading more pushes out what was read first."""
_TICK = 0.25


class ReadAhead(msgspec.Struct, frozen=True, kw_only=True):
    """What was read."""

    files: int
    size: int
    """Bytes that were read."""
    total: int
    """Bytes that there are; more than ``size`` where they do not fit into memory."""
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self.size / self.seconds if self.seconds else 0.0


def read_ahead(
    folder: Path,
    *,
    readers: int = READERS,
    most: int | None = None,
    said: Callable[[int, int], None] = lambda done, total: None,
) -> ReadAhead:
    """Read the safetensors files of a folder (or the one file) with so many readers at once. Blocks.

    ``most``: bytes to read at most; None: what fits into free memory. ``said`` hears bytes done and in all, a few
    times a second, in the calling thread; what it raises ends the reading and comes out here.

    Raises :class:`WeightsError`.
    """
    files = weight_files(folder)
    sizes = [file.stat().st_size for file in files]
    total = sum(sizes)
    limit = min(total, _fitting() if most is None else most)
    meter, began = Meter(0), time.monotonic()
    blocks = _blocks(files, sizes, limit)
    pool = ThreadPoolExecutor(readers, thread_name_prefix="read-ahead")
    try:
        waiting = {pool.submit(_read, blocks[number::readers], meter) for number in range(readers)}
        while waiting:
            done, waiting = wait(waiting, timeout=_TICK, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            said(meter.done, limit)
    except OSError as problem:
        raise WeightsError(f"{problem.filename or folder} cannot be read: {problem.strerror}") from problem
    finally:
        meter.stop()
        pool.shutdown(cancel_futures=True)
    return ReadAhead(files=len(files), size=meter.done, total=total, seconds=time.monotonic() - began)


def weight_files(folder: Path) -> Sequence[Path]:
    """The safetensors files of a folder, in the order in which engines load them. Raises :class:`WeightsError`."""
    found = [folder] if folder.is_file() else sorted(folder.rglob(f"*{SAFETENSORS}"))
    if not found:
        raise WeightsError(f"{folder} has no {SAFETENSORS} files" if folder.exists() else f"{folder} does not exist")
    return found


def _blocks(files: Sequence[Path], sizes: Sequence[int], limit: int) -> list[tuple[Path, int, int]]:
    """File, offset and length; in order, so that the engine may start while the rest is read."""
    blocks: list[tuple[Path, int, int]] = []
    for file, size in zip(files, sizes, strict=True):
        for offset in range(0, size, _BLOCK):
            length = min(_BLOCK, size - offset, limit)
            limit -= length
            if length:
                blocks.append((file, offset, length))
    return blocks


def _read(blocks: Sequence[tuple[Path, int, int]], meter: Meter) -> None:
    """A descriptor for each block: the kernel's own read-ahead is per descriptor, and gets confused by jumps."""
    sink = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for file, offset, length in blocks:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                for count in _pieces(descriptor, sink, offset, length):
                    meter.add(count)
                    if meter.stopped:
                        return
            finally:
                os.close(descriptor)
    finally:
        os.close(sink)


def _pieces(descriptor: int, sink: int, offset: int, length: int) -> Iterator[int]:
    """Counts of bytes as they come into the page cache."""
    read = _through(sink)
    while length:
        try:
            count = read(descriptor, offset, min(length, _PIECE))
        except OSError as problem:
            if problem.errno not in _NO_SENDFILE or read is _copied:
                raise
            read = _copied
            continue
        if not count:
            return  # it has become shorter; nothing is lost
        yield count
        offset, length = offset + count, length - count


def _through(sink: int) -> Callable[[int, int, int], int]:
    """``sendfile`` to the null device has pages read without copying them: twice as fast where memory is the limit."""
    if not sys.platform.startswith("linux"):
        return _copied
    return lambda descriptor, offset, count: os.sendfile(sink, descriptor, offset, count)


def _copied(descriptor: int, offset: int, count: int) -> int:
    return len(os.pread(descriptor, count, offset))


def _fitting() -> int:
    """Bytes of memory that can hold files."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return 1 << 62  # not Linux: the system knows best
    return int(free * _SHARE)
