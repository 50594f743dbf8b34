"""What a yard is on the machine while it runs, and that nothing of it is there afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from .running_yard import RunningYard, is_open, until, working_place


@dataclass(frozen=True)
class Traces:
    """Of a yard that runs."""

    family: set[int]
    addresses: list[str]
    """Where it listens: Gateway, admin, replicas."""
    files: set[str]

    @classmethod
    def of(cls, yard: RunningYard) -> Traces:
        replicas = yard.replicas().values()
        admin = next(event["admin"] for event in yard.events if event["event"] == "starting")
        at = [f"127.0.0.1:{yard.port}", admin.removeprefix("http://"), *(f"{one['address']}:8000" for one in replicas)]
        traces = cls(yard.leftovers(), at, yard.temporary_files())
        assert all(map(is_open, at))
        assert sum(Path(path).is_dir() for path in traces.files) == len(replicas), traces.files
        assert sum(Path(path).is_socket() for path in traces.files) >= len(replicas), traces.files
        return traces


def check_nothing_left(yard: RunningYard, traces: Traces, since: float, seconds: float) -> None:
    def left() -> list[str]:
        pids = traces.family | yard.leftovers()
        processes = [place for pid in pids if str(yard.home) in (place := working_place(pid))]
        files = [path for path in traces.files | yard.temporary_files() if Path(path).exists()]
        return processes + files + [address for address in traces.addresses if is_open(address)]

    until(lambda: not left(), "nothing left", seconds)
    took, there = time.monotonic() - since, len(traces.family)
    print(f"\nnothing left after {took:.1f} s; there were {there} processes and {len(traces.files)} temporary files")
