"""A run's tables: for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.cases import BY_NAME
from benchmarks.comparison import Figures
from benchmarks.results_file import Machine, Results

_OURS, _YARDSTICK = "modelyard", "envoy"


class Grid(NamedTuple):
    """One table as text."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def grids(results: Results) -> Iterator[Grid]:
    """Every table that the results fill."""
    if results.cases:
        yield _cpu(results.cases)
        yield _speed(results.cases)
    if results.idle:
        yield _idle(results)
    if len(results.large_pool) > 1:
        yield _large_pool(results.large_pool)


def _cpu(cases: Mapping[str, Mapping[str, Figures]]) -> Grid:
    peers = [name for name in _peers(cases) if name != "direct"]
    rows = []
    for case, by_peer in cases.items():
        cells = [_with_control(by_peer[peer]) if peer in by_peer else "-" for peer in peers]
        rows.append((f"{BY_NAME[case].title}, per {BY_NAME[case].unit}", *cells, *_ratios(by_peer)))
    ratios = ("to Envoy",) if _OURS in peers and _YARDSTICK in peers else ()
    note = (
        "User and system time of the data plane's processes, medians of the rounds. `+` is Modelyard's control process "
        "(scraping, health, admin) in the same time."
    )
    return Grid("CPU time, us", ("", *peers, *ratios), rows, note)


def _peers(cases: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    return list(dict.fromkeys(name for by_peer in cases.values() for name in by_peer))


def _with_control(figures: Figures) -> str:
    control = f" + {figures.beside_us:.1f}" if figures.beside_us else ""
    return f"{figures.cpu_us:.1f}{control}"


def _ratios(by_peer: Mapping[str, Figures]) -> tuple[str, ...]:
    ours, yardstick = by_peer.get(_OURS), by_peer.get(_YARDSTICK)
    if ours is None or yardstick is None or not yardstick.cpu_us:
        return ()
    return (f"{ours.cpu_us / yardstick.cpu_us:.2f} x",)


def _speed(cases: Mapping[str, Mapping[str, Figures]]) -> Grid:
    peers = _peers(cases)
    rows = []
    for case, by_peer in cases.items():
        what = "gap" if BY_NAME[case].streams else "latency"
        cells = [_speed_cell(by_peer[peer]) if peer in by_peer else "-" for peer in peers]
        rows.append((f"{BY_NAME[case].title}: {BY_NAME[case].unit}s/s, {what}", *cells))
    note = (
        "p50 / p99 in milliseconds; of streams the time between two events, which come every 20 ms. "
        "Closed loop, so the busier a proxy is with one request, the longer the others wait."
    )
    return Grid("Throughput and latency", ("", *peers), rows, note)


def _speed_cell(figures: Figures) -> str:
    errors = f", {figures.errors} errors" if figures.errors else ""
    return f"{figures.per_second:,.0f}/s, {figures.p50_ms:.2f} / {figures.p99_ms:.2f}{errors}"


def _idle(results: Results) -> Grid:
    rows = []
    for count, by_peer in results.idle.items():
        for peer, idle in by_peer.items():
            control = f" (control {idle.beside_percent:.2f} %)" if idle.beside_mib else ""
            memory = f" + {idle.beside_mib:.0f}" if idle.beside_mib else ""
            rows.append((str(count), peer, f"{idle.cpu_percent:.2f} %{control}", f"{idle.resident_mib:.0f}{memory}"))
    note = (
        "Modelyard reads every endpoint's metrics each 200 ms and checks its health; the others, configured as above, "
        "ask their endpoints rarely or never."
    )
    return Grid("Idle", ("endpoints", "peer", "of one core", "resident MiB"), rows, note)


def _large_pool(large_pool: Mapping[str, Figures]) -> Grid:
    base = next(iter(large_pool.values())).cpu_us
    rows = [
        (count, _with_control(figures), f"{figures.cpu_us / base:.2f} x" if base else "")
        for count, figures in large_pool.items()
    ]
    note = "Interleaved rounds of two gateways, alike but for the size of the pool."
    return Grid("Modelyard: 200 B body by size of the pool, CPU us", ("endpoints", "us", "ratio"), rows, note)


def markdown(results: Results) -> str:
    """The whole report."""
    intro = (
        f"{results.rounds} interleaved rounds of {results.round_seconds:g} s, the proxy alone on one core, clients and "
        f"backends on another; load average before: {results.machine.load_before:.1f}. Made by `make bench`."
    )
    return markdown_of("Benchmark", results.started, results.machine, intro, grids(results), _remarks(results))


def markdown_of(
    title: str, started: str, machine: Machine, intro: str, tables: Iterable[Grid], remarks: Sequence[str]
) -> str:
    """A report of some run on ``machine``."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    lines = [
        f"# {title}",
        "",
        f"{started}; {machine.cpu}, {machine.cores} cores, {machine.system}; Python {machine.python}; {versions}.",
        intro,
        "",
    ]
    for grid in tables:
        lines += [f"## {grid.title}", "", _row(grid.columns), _row(["---"] * len(grid.columns))]
        lines += [_row(row) for row in grid.rows]
        lines += ["", grid.note, ""]
    lines += [f"- {remark}" for remark in remarks]
    return "\n".join(lines).rstrip() + "\n"


def _remarks(results: Results) -> list[str]:
    said = [disturbance(results.cases)] if results.cases else []
    return said + [f"not measured: {failure}" for failure in results.failures]


def disturbance(cases: Mapping[str, Mapping[str, Figures]]) -> str:
    """How much other work ran on the core that was measured."""
    shares = [share for by_peer in cases.values() for figures in by_peer.values() for share in figures.disturbed]
    return f"other processes used up to {max(shares):.0%} of the peers' core in a round"


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def show(results: Results, console: Console) -> None:
    """The same on a terminal."""
    show_grids(grids(results), _remarks(results), console)


def show_grids(tables: Iterable[Grid], remarks: Sequence[str], console: Console) -> None:
    """Any tables and remarks on a terminal."""
    for grid in tables:
        table = Table(title=grid.title, title_justify="left", caption=grid.note, caption_justify="left")
        for column in grid.columns:
            table.add_column(column, no_wrap=True)
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    for remark in remarks:
        console.print(remark)
