"""``make bench``: Modelyard beside its peers. Writes ``results/<date>.json`` and ``results/latest.md``."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import report, results_file
from benchmarks.cases import BY_NAME, CASES, Case
from benchmarks.comparison import Rounds, backends, running
from benchmarks.idle import at_rest
from benchmarks.peers.direct import Direct
from benchmarks.peers.envoy import Envoy
from benchmarks.peers.modelyard import Modelyard
from benchmarks.peers.peer import Peer
from benchmarks.peers.vllm_router import VllmRouter
from benchmarks.processes import Cores
from benchmarks.results_file import Results

_PEERS: tuple[type[Peer], ...] = (Direct, Modelyard, Envoy, VllmRouter)
_SECTIONS = (*(case.name for case in CASES), "idle", "pool1000")
_FEW, _MORE, _MANY = 4, 100, 1000
_LONGEST_RUN = 15 * 60
_REPEAT_SECONDS = 45.0
"""Time in each section for measurements that other work disturbed."""


@dataclass
class Plan:
    """What a run is to do."""

    kinds: list[type[Peer]]
    sections: list[str]
    rounds: int
    seconds: float
    folder: Path
    cores: Cores
    tell: Callable[[str], None]

    @property
    def cases(self) -> list[Case]:
        return [case for case in CASES if case.name in self.sections]

    def rounds_into(self, results: Results) -> Rounds:
        """The rounds of one section, failures to go into ``results``."""
        repeats = int(_REPEAT_SECONDS / (self.seconds + 1.5))
        return Rounds(self.rounds, self.seconds, self.cores, self.tell, results.failures, repeats)


def main(
    rounds: Annotated[int, typer.Option(help="Rounds per case and peer; medians are shown.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Seconds of each measurement.", min=0.2)] = 3.0,
    only: Annotated[str, typer.Option(help=f"Sections, by commas: {', '.join(_SECTIONS)}.")] = "",
    peers: Annotated[str, typer.Option(help=f"Peers, by commas: {', '.join(kind.name for kind in _PEERS)}.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="One round of one second each, nothing written.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = results_file.FOLDER,
) -> None:
    """Measure CPU time per request and event, throughput, latency, idle cost and memory."""
    end_cleanly()
    kinds = [kind for kind in _PEERS if kind.name in chosen(peers, [kind.name for kind in _PEERS])]
    sections = chosen(only, _SECTIONS)
    console = Console(width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder:
        plan = Plan(
            kinds,
            sections,
            1 if quick else rounds,
            1.0 if quick else seconds,
            Path(folder),
            Cores(),
            lambda text: typer.echo(text, err=True),
        )
        results = run(plan)
    report.show(results, console)
    if not quick:
        path = results_file.save(results, out)
        (out / "latest.md").write_text(report.markdown(results))
        console.print(f"written: {path} and {out / 'latest.md'}")


def run(plan: Plan) -> Results:
    """All sections of a plan."""
    began = time.monotonic()
    results = Results(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        machine=results_file.this_machine(),
        rounds=plan.rounds,
        round_seconds=plan.seconds,
    )
    with backends(_MANY if "pool1000" in plan.sections else _MORE, plan.cores) as endpoints:
        for section in (_few_endpoints, _more_endpoints, _many_endpoints):
            try:
                section(plan, endpoints, results)
            except (RuntimeError, OSError) as problem:
                results.failures.append(str(problem))
    results.seconds = round(time.monotonic() - began, 1)
    return results


def _few_endpoints(plan: Plan, endpoints: list[str], results: Results) -> None:
    """Every case, and idling, with 4 endpoints."""
    if not plan.cases and "idle" not in plan.sections:
        return
    plan.tell("starting the peers")
    with running(plan.kinds, plan.folder, endpoints[:_FEW], plan.cores) as peers:
        if plan.cases:
            results.cases = plan.rounds_into(results).compare(peers, plan.cases)
        if "idle" in plan.sections:
            _idle(plan, _FEW, peers, results)


def _more_endpoints(plan: Plan, endpoints: list[str], results: Results) -> None:
    """Idling with 100."""
    if "idle" in plan.sections:
        plan.tell(f"starting the peers with {_MORE} endpoints")
        proxies = [kind for kind in plan.kinds if kind is not Direct]
        with running(proxies, plan.folder, endpoints[:_MORE], plan.cores) as peers:
            _idle(plan, _MORE, peers, results)


def _many_endpoints(plan: Plan, endpoints: list[str], results: Results) -> None:
    """Small requests on Modelyard with 4 and with 1,000 in one pool, in turns."""
    if "pool1000" not in plan.sections or Modelyard not in plan.kinds:
        return
    plan.tell(f"starting Modelyard with {_FEW} and with {_MANY} endpoints")
    with ExitStack() as stack:
        pair = [
            stack.enter_context(running([kind], plan.folder, endpoints[:count], plan.cores))[0]
            for kind, count in ((_FewModelyard, _FEW), (_ManyModelyard, _MANY))
        ]
        found = plan.rounds_into(results).compare(pair, [BY_NAME["small"]])["small"]
        results.large_pool = {str(len(peer.endpoints)): found[peer.name] for peer in pair if peer.name in found}
        if "idle" in plan.sections:
            _idle(plan, _MANY, pair[1:], results)


class _FewModelyard(Modelyard):
    name = f"modelyard-{_FEW}"


class _ManyModelyard(Modelyard):
    name = f"modelyard-{_MANY}"
    start_limit = 60.0


def _idle(plan: Plan, count: int, peers: list[Peer], results: Results) -> None:
    plan.tell(f"idle, {count} endpoints")
    found = at_rest(peers, max(2.0, plan.seconds * plan.rounds / 2))
    results.idle[count] = {name.partition(f"-{count}")[0]: idle for name, idle in found.items()}


def chosen(text: str, known: list[str] | tuple[str, ...]) -> list[str]:
    """Names from a list with commas; none: all. Raises typer.BadParameter for one that is not ``known``."""
    names = [name.strip() for name in text.split(",") if name.strip()] or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there is {', '.join(known)}.")
    return names


def end_cleanly() -> None:
    """SIGTERM and a run that takes far too long end like Ctrl-C: what was started is stopped."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGALRM, leave)
    signal.alarm(_LONGEST_RUN)


if __name__ == "__main__":
    typer.run(main)
