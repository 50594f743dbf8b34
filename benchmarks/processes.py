"""Processes of a benchmark: started on a core, their CPU clocks and memory, ended by id."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_CLOCK_OF_PROCESS = 2
"""CPUCLOCK_SCHED: the scheduler's sum of user and system time, in nanoseconds (see clock_getcpuclockid(3))."""


class Cores:
    """Which cores the parts of a benchmark run on."""

    def __init__(self) -> None:
        available = sorted(os.sched_getaffinity(0))
        self.peer = {available[0]}
        """For the peer that is measured, and nothing else."""
        self.others = {available[-1]}
        """For clients and backends."""


def start(
    command: Sequence[str],
    cores: set[int],
    *,
    output: int | None = subprocess.DEVNULL,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process (and so its children) on ``cores``; ``log`` takes its standard error."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # inherited by the child from its first instruction on
    try:
        with open(log or os.devnull, "ab") as errors:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**os.environ, **(environment or {})},
            )
    finally:
        os.sched_setaffinity(0, mine)


def stop(process: subprocess.Popen[bytes], *, patience: float = 5.0) -> None:
    """End a process and what it started; kill what does not end within ``patience`` seconds."""
    family = [process.pid, *descendants(process.pid)]
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    for pid in family[1:] if process.returncode is not None else family:
        if parent_of(pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """Children of ``pid``, their children, and so on."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def parent_of(pid: int) -> int | None:
    """The parent's id; None: there is no such process any more."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def command_line(pid: int) -> str:
    """Its arguments, separated by spaces."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads since the start, to the nanosecond. Raises OSError where it is gone."""
    return time.clock_gettime((~pid << 3) | _CLOCK_OF_PROCESS)


def core_seconds(core: int) -> float:
    """Time that a core has worked for anybody since the start, in steps of 10 ms."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, _, counts = line.partition(" ")
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, interrupts, soft, *_ = map(int, counts.split())
            return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")
    return 0.0


def resident_bytes(pid: int) -> int:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def raise_file_limit() -> int:
    """Take as many descriptors as the system allows; how many these are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def poll(seconds: float, pause: float = 0.05) -> Iterator[None]:
    """Turns of a loop that waits for something, for at most ``seconds``; then TimeoutError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)
    raise TimeoutError(f"nothing came of it within {seconds:g} s")
