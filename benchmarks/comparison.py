"""Peers and cases in interleaved rounds, so that what else the machine does falls on all alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks import processes
from benchmarks.backend import loopback_addresses
from benchmarks.cases import Case
from benchmarks.load import Reading
from benchmarks.peers.peer import Peer
from benchmarks.readiness import await_answers

_DISTURBED = 0.1
"""Share of the core from which on a measurement is tried again: other work costs caches and waiting."""


class Figures(msgspec.Struct, kw_only=True):
    """One peer in one case: medians of its rounds."""

    cpu_us: float
    """CPU microseconds of the data plane per request or event."""
    beside_us: float
    """The same of the processes beside it (control)."""
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    """In all rounds together."""
    complaint: str
    """The first error answer; empty: none."""
    rounds_us: list[float]
    """``cpu_us`` of every round."""
    disturbed: list[float]
    """Share of the peers' core that other processes used, of every round."""
    parts_us: dict[str, list[float]] = {}
    """``cpu_us`` by what processes are, one figure for each process of a kind; empty: all are of one kind."""


@contextmanager
def backends(count: int, cores: processes.Cores, *options: str) -> Iterator[list[str]]:
    """A backend process with these ``options``; its ``ip:port`` addresses."""
    command = [sys.executable, "-m", "benchmarks.backend", "--addresses", str(count), *options]
    process = processes.start(command, cores.others, output=subprocess.PIPE)
    try:
        assert process.stdout is not None
        addresses = msgspec.json.decode(process.stdout.readline(), type=list[str])
        assert [address.rpartition(":")[0] for address in addresses] == list(loopback_addresses(count))
        yield addresses
    finally:
        processes.stop(process)


@contextmanager
def running(
    kinds: Sequence[type[Peer]], folder: Path, endpoints: Sequence[str], cores: processes.Cores
) -> Iterator[list[Peer]]:
    """Peers of these kinds, started and answering."""
    peers = [kind(folder, endpoints, cores) for kind in kinds]
    try:
        for peer in peers:
            peer.start()
        for peer in peers:
            await_answers(peer)
        yield peers
    finally:
        for peer in peers:
            peer.stop()


@dataclass
class Rounds:
    """Interleaved rounds: how many, how long, and what became of them."""

    count: int
    seconds: float
    cores: processes.Cores
    tell: Callable[[str], None]
    failures: list[str]
    """What could not be measured, and why."""
    repeats: int
    """Disturbed measurements that may still be made again."""

    def compare(self, peers: Sequence[Peer], cases: Sequence[Case]) -> dict[str, dict[str, Figures]]:
        """Figures by case and peer."""
        readings: dict[tuple[str, str], list[Reading]] = {}
        for number in range(self.count):
            for case in cases:
                for peer in peers:
                    title = f"round {number + 1}/{self.count}: {case.title}, {peer.name}"
                    self.tell(title)
                    try:
                        readings.setdefault((case.name, peer.name), []).append(self._read(peer, peers, case))
                    except RuntimeError as problem:
                        self.failures.append(f"{title}: {problem}")
        found: dict[str, dict[str, Figures]] = {case.name: {} for case in cases}
        for peer in peers:
            for case in cases:
                if taken := readings.get((case.name, peer.name)):
                    found[case.name][peer.name] = figures(peer, taken)
        return found

    def _read(self, peer: Peer, peers: Sequence[Peer], case: Case) -> Reading:
        """A measurement; the less disturbed of two where the first was disturbed."""
        reading = _read_once(peer, peers, case, self.seconds, self.cores)
        if reading.disturbed <= _DISTURBED or not self.repeats:
            return reading
        self.repeats -= 1
        again = _read_once(peer, peers, case, self.seconds, self.cores)
        return min(reading, again, key=lambda each: each.disturbed)


def _read_once(peer: Peer, peers: Sequence[Peer], case: Case, seconds: float, cores: processes.Cores) -> Reading:
    """One measurement, by a load process of its own. Raises RuntimeError where it ends badly."""
    pids = [pid for each in peers for pid in (*each.data_plane(), *each.beside().values())]
    command = [sys.executable, "-m", "benchmarks.load", "--target", peer.target, "--case", case.name]
    command += ["--seconds", str(seconds), "--cpu-of", ",".join(map(str, pids))]
    command += ["--core", str(min(cores.peer))]
    process = processes.start(command, cores.others, output=subprocess.PIPE, log=peer.folder / "load.log")
    try:
        out, _ = process.communicate(timeout=seconds + 60)
    finally:
        processes.stop(process)
    if process.returncode:
        last = (peer.folder / "load.log").read_text().strip().rpartition("\n")[2]
        raise RuntimeError(f"the clients failed: {last}")
    return msgspec.json.decode(out, type=Reading)


def figures(peer: Peer, readings: Sequence[Reading]) -> Figures:
    """Medians over rounds."""
    data_plane, beside = peer.data_plane(), peer.beside().values()
    each = [_micros(reading, data_plane) for reading in readings]
    return Figures(
        cpu_us=statistics.median(each),
        beside_us=statistics.median(_micros(reading, beside) for reading in readings),
        per_second=statistics.median(reading.count / reading.seconds for reading in readings),
        p50_ms=statistics.median(reading.p50 for reading in readings) * 1e3,
        p99_ms=statistics.median(reading.p99 for reading in readings) * 1e3,
        errors=sum(reading.errors for reading in readings),
        complaint=next((reading.complaint for reading in readings if reading.complaint), ""),
        rounds_us=each,
        disturbed=[round(reading.disturbed, 3) for reading in readings],
        parts_us={
            part: [statistics.median(_micros(reading, (pid,)) for reading in readings) for pid in pids]
            for part, pids in peer.parts().items()
        },
    )


def _micros(reading: Reading, pids: Iterable[int]) -> float:
    total = sum(reading.cpu.get(pid, 0.0) for pid in pids)
    return 1e6 * total / reading.count if reading.count else 0.0
