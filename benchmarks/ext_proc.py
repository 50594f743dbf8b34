"""What Envoy with an endpoint picker costs: ``python -m benchmarks.ext_proc``, the second part of ``make bench``.

Plain Envoy, Envoy with the least picker that Python can be, with ``modelyard epp``, with ``epp`` and ``bbr``, and
Modelyard's own proxy, in interleaved rounds of one run: at 1 and 32 connections, then at 500 requests a second, for
which the inference extension's own cost is published. Writes ``results/ext_proc.json`` and ``results/ext_proc.md``;
``docs/tables.py`` takes the documentation's table from the former.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console

from benchmarks import ext_proc_report, pick_times, profile_picker, report, results_file
from benchmarks.cases import MANY, ONE, PACED
from benchmarks.comparison import Rounds, backends, running
from benchmarks.ext_proc_report import ExtProcResults
from benchmarks.peers.envoy import Envoy
from benchmarks.peers.envoy_picker import (
    EnvoyEpp,
    EnvoyEppBbr,
    EnvoyEppWorkers,
    EnvoyFilters,
    EnvoyLeanEpp,
    EnvoyMinimal,
)
from benchmarks.peers.modelyard import Modelyard
from benchmarks.peers.peer import Peer
from benchmarks.pick_times import Histogram
from benchmarks.processes import Cores
from benchmarks.run import chosen, end_cleanly

PEERS: tuple[type[Peer], ...] = (
    Envoy,
    EnvoyFilters,
    EnvoyMinimal,
    EnvoyEpp,
    EnvoyLeanEpp,
    EnvoyEppBbr,
    EnvoyEppWorkers,
    Modelyard,
)
_PACED = (Envoy, EnvoyMinimal, EnvoyEpp, EnvoyEppBbr, Modelyard)
_ENDPOINTS = 4
_REPEAT_SECONDS = 30.0
"""Time for measurements that other work disturbed."""
_REPORTED_AFTER = 2.5
"""Seconds until a worker's counts are on the metrics page: it tells them once a second."""
_NAME = "ext_proc"


def main(
    rounds: Annotated[int, typer.Option(help="Rounds per case and peer; medians are shown.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Seconds of each measurement.", min=0.2)] = 2.5,
    peers: Annotated[str, typer.Option(help=f"Peers, by commas: {', '.join(kind.name for kind in PEERS)}.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="One round of one second each, nothing written.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = results_file.FOLDER,
) -> None:
    """Measure CPU time per request of each process, throughput, latency, and how long picks take."""
    end_cleanly()
    kinds = [kind for kind in PEERS if kind.name in chosen(peers, [kind.name for kind in PEERS])]
    rounds, seconds = (1, 1.0) if quick else (rounds, seconds)
    console = Console(width=None if sys.stdout.isatty() else 160)
    results = ExtProcResults(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=results_file.this_machine(),
        rounds=rounds,
        round_seconds=seconds,
    )
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder:
        measure(kinds, results, Path(folder), lambda text: typer.echo(text, err=True))
    results.seconds = round(time.monotonic() - began, 1)
    report.show_grids(ext_proc_report.grids(results), ext_proc_report.remarks(results), console)
    if not quick:
        (out / f"{_NAME}.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
        (out / f"{_NAME}.md").write_text(ext_proc_report.markdown(results))
        console.print(f"written: {out / _NAME}.json and .md; `make docs` takes the documentation's table from it")


def measure(kinds: Sequence[type[Peer]], results: ExtProcResults, folder: Path, tell: Callable[[str], None]) -> None:
    """All of it, into ``results``."""
    cores = Cores()
    repeats = int(_REPEAT_SECONDS / (results.round_seconds + 1.5))
    rounds = Rounds(results.rounds, results.round_seconds, cores, tell, results.failures, repeats)
    with backends(_ENDPOINTS, cores) as endpoints:
        tell("starting the peers")
        with running(kinds, folder, endpoints, cores) as peers:
            results.cases = rounds.compare(peers, [ONE, MANY])
            _paced(rounds, peers, results)
    for which in (profile_picker.PICKER, profile_picker.ROUTER):
        tell(f"the {which}'s path without sockets")
        results.paths[which] = uvloop.run(profile_picker.measured(which))


def _paced(rounds: Rounds, peers: Sequence[Peer], results: ExtProcResults) -> None:
    """At a steady rate, with what pickers count meanwhile."""
    steady = [peer for peer in peers if type(peer) in _PACED]
    if not steady:
        return
    before = _histograms(steady)
    results.cases |= rounds.compare(steady, [PACED])
    after = _histograms(steady)
    for name in before:
        with suppress(ValueError):
            results.picks[name] = pick_times.pick_times(after[name].since(before[name]))


def _histograms(peers: Sequence[Peer]) -> dict[str, Histogram]:
    time.sleep(_REPORTED_AFTER)
    return {peer.name: pick_times.read(peer.metrics) for peer in peers if isinstance(peer, EnvoyEpp)}


if __name__ == "__main__":
    typer.run(main)
