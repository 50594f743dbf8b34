"""How much memory this machine has left, and how much a family of processes holds (Linux; elsewhere unknown)."""

from __future__ import annotations

import contextlib
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """What new processes can have without swapping, within this container's limit; None: not known here."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError, IndexError):
        return None
    left = _left_in_cgroup()
    return free if left is None else min(free, left)


def _left_in_cgroup() -> int | None:
    """File pages that nobody uses now are given back when memory is asked for, so they count as free."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return max(0, limit - used + int(stat.get("inactive_file", 0)))


def family_bytes(pid: int) -> int | None:
    """Memory of a process and all below it; a page that several share is divided among them. None: not known."""
    sizes = [size for member in family_of(pid) if (size := _proportional(member)) is not None]
    return sum(sizes) if sizes else None


def family_of(pid: int) -> set[int]:
    """A process and all below it, as far as they still run."""
    found, todo = {pid}, [pid]
    while todo:
        parent = todo.pop()
        with contextlib.suppress(OSError, ValueError):
            for tasks in Path(f"/proc/{parent}/task").iterdir():
                below = {int(word) for word in (tasks / "children").read_text().split()} - found
                found |= below
                todo += below
    return found


def _proportional(pid: int) -> int | None:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
