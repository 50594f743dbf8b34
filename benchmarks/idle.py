"""What peers cost with nothing to do: CPU while endpoints are watched, and memory."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from benchmarks import processes
from benchmarks.peers.peer import Peer

SETTLE_SECONDS = 3.0
"""After the start or the last round, before idling counts."""


class Idle(msgspec.Struct, kw_only=True):
    """One peer at rest."""

    cpu_percent: float
    """Of one core, all its processes together."""
    beside_percent: float
    """The part of the processes beside the data plane (control)."""
    resident_mib: float
    """Of the data plane."""
    beside_mib: float


def at_rest(peers: Sequence[Peer], seconds: float) -> dict[str, Idle]:
    """Watch all peers over the same ``seconds``, by name."""
    time.sleep(SETTLE_SECONDS)
    before = {pid: processes.cpu_seconds(pid) for peer in peers for pid in _all(peer)}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    percent = {pid: 100 * (processes.cpu_seconds(pid) - start) / took for pid, start in before.items()}
    return {peer.name: _idle(peer, percent) for peer in peers if _all(peer)}


def _idle(peer: Peer, percent: dict[int, float]) -> Idle:
    data_plane, beside = peer.data_plane(), list(peer.beside().values())
    return Idle(
        cpu_percent=sum(percent[pid] for pid in (*data_plane, *beside)),
        beside_percent=sum(percent[pid] for pid in beside),
        resident_mib=sum(map(processes.resident_bytes, data_plane)) / 2**20,
        beside_mib=sum(map(processes.resident_bytes, beside)) / 2**20,
    )


def _all(peer: Peer) -> list[int]:
    return [*peer.data_plane(), *peer.beside().values()]
