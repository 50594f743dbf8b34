"""The tables of ``benchmarks.ext_proc``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from benchmarks.cases import BY_NAME, MANY, ONE, PACED, PUBLISHED_RATE
from benchmarks.comparison import Figures
from benchmarks.pick_times import PickTimes
from benchmarks.profile_picker import PICKER, ROUTER, PathProfile
from benchmarks.report import Grid, disturbance, markdown_of
from benchmarks.results_file import Machine

REFERENCE_PICKER_CORES, REFERENCE_ENVOY_CORES = 4.9, 2.1
"""Published for the inference extension's own picker, full scoring: 10 model servers, 500 small requests a second."""
TARGET_US = 400.0
"""Of Envoy and picker together, per request at 32 connections."""
_ENVOY = "envoy"
_PLAIN, _FILTERS, _EPP, _BOTH = "envoy", "envoy-filters", "envoy-epp", "envoy-epp-bbr"


class ExtProcResults(msgspec.Struct, kw_only=True):
    """One run."""

    started: str
    """UTC, ISO 8601."""
    seconds: float = 0.0
    """How long it took."""
    machine: Machine
    rounds: int
    round_seconds: float
    cases: dict[str, dict[str, Figures]] = {}
    """By case and peer."""
    picks: dict[str, PickTimes] = {}
    """At the steady rate, by peer."""
    paths: dict[str, PathProfile] = {}
    """``picker`` and ``router``, in process."""
    failures: list[str] = []


def grids(results: ExtProcResults) -> Iterator[Grid]:
    """Every table that the results fill."""
    for case in (ONE.name, MANY.name):
        if results.cases.get(case):
            yield _cpu(case, results.cases[case])
    if results.cases.get(PACED.name):
        yield _published(results.cases[PACED.name])
    if results.picks:
        yield _picks(results.picks)
    if spread := list(_spread(results.cases.get(MANY.name, {}))):
        yield Grid("Several picker workers on one port", ("peer", "CPU us of each worker", "busiest"), spread, _SPREAD)
    if results.paths and _EPP in results.cases.get(MANY.name, {}):
        yield _remains(results.cases[MANY.name], results.paths)
        yield _layers(results.paths)


_PEERS = (
    "`envoy-filters`: the configuration of the others, with a route that asks nobody. `envoy-minimal`: the least picker"
    " that Python can be (`benchmarks/peers/minimal_picker.py`). `envoy-epp`: `modelyard epp`, default picking, metrics"
    " and access log; `-lean` with `--no-answer-heads`, `-bbr` with `modelyard bbr` before it. All of them are"
    " configured by `modelyard envoy-config`. `modelyard`: the own proxy, no Envoy."
)
_CPU = (
    "User and system time per request, medians of the rounds (so a sum may differ a little from its parts). All"
    " processes of a peer share one core. `control` reads metrics and health of the endpoints, whatever the load;"
    " it is not in the sum. " + _PEERS
)
_SPREAD = (
    "Four threads of Envoy and four picker workers. Envoy has a connection to the picker for each of its threads; soon"
    " each worker has one. On one core together: what is shown is what several workers cost,"
    " not what several cores give."
)


def _cpu(case: str, by_peer: Mapping[str, Figures]) -> Grid:
    columns = ("CPU us per request", "together", "Envoy", "picker", "router", "control", "requests/s", "p50 / p99 ms")
    rows = []
    for peer, found in by_peer.items():
        envoy = found.cpu_us if peer == _PLAIN else _part(found, _ENVOY)
        parts = (envoy, _part(found, PICKER), _part(found, ROUTER), found.beside_us)
        errors = f", {found.errors} errors" if found.errors else ""
        speed = (f"{found.per_second:,.0f}", f"{found.p50_ms:.2f} / {found.p99_ms:.2f}{errors}")
        rows.append((peer, f"{found.cpu_us:.0f}", *(_micros(part) for part in parts), *speed))
    return Grid(f"Envoy and pickers, 200 B body, {BY_NAME[case].title}", columns, rows, _CPU)


def _part(figures: Figures, part: str) -> float:
    """Of all processes of a kind. Several share their work anew in each round, so what the others leave is taken."""
    own = figures.parts_us.get(part, ())
    if len(own) > 1:
        return figures.cpu_us - sum(sum(each) for name, each in figures.parts_us.items() if name != part)
    return sum(own)


def _micros(value: float) -> str:
    return f"{value:.0f}" if value else "-"


def cores(us: float) -> float:
    """Of a core at the rate of the published cost."""
    return us * PUBLISHED_RATE / 1e6


def _published(by_peer: Mapping[str, Figures]) -> Grid:
    reference = REFERENCE_PICKER_CORES + REFERENCE_ENVOY_CORES
    whole = 1e6 * reference / PUBLISHED_RATE
    rows = [
        (
            "reference implementation (published)",
            f"{REFERENCE_ENVOY_CORES:.3f}",
            f"{REFERENCE_PICKER_CORES:.3f}",
            f"{reference:.3f}",
            f"{whole:,.0f}",
            "1 x",
            "-",
        )
    ]
    for peer, found in by_peer.items():
        envoy = found.cpu_us if peer == _PLAIN else _part(found, _ENVOY)
        asked = found.cpu_us - envoy + found.beside_us
        us = found.cpu_us + found.beside_us
        speed = f"{found.p50_ms:.2f} / {found.p99_ms:.2f}"
        rows.append(
            (
                peer,
                f"{cores(envoy):.3f}" if envoy else "-",
                f"{cores(asked):.3f}" if asked else "-",
                f"{cores(us):.3f}",
                f"{us:,.0f}",
                f"1/{whole / us:.0f}" if us else "-",
                speed,
            )
        )
    columns = ("cores", "Envoy", "beside it", "together", "us per request", "of it", "p50 / p99 ms")
    note = (
        "Requests are sent when they are due. Published: 4.9 picker cores and 2.1 Envoy cores at 500 requests a second,"
        " 10 model servers, full scoring, on another machine: the order of magnitude is what can be compared. A process"
        " that is mostly idle costs more per request than a busy one: it is woken for each message. `beside it`:"
        " picker, router and control processes; of `modelyard` its own proxy."
    )
    return Grid(f"At {PUBLISHED_RATE:g} requests a second, beside the published cost", columns, rows, note)


def _picks(picks: Mapping[str, PickTimes]) -> Grid:
    rows = [
        (peer, f"{found.picks:,}", f"{found.mean_us:.0f}", f"<= {found.p99_ms:g}", f"{found.within_target:.2%}")
        for peer, found in picks.items()
    ]
    note = (
        "From the picker's own histogram: clocks around the decision (reading the body, admission, scoring), without"
        " gRPC. Envoy, picker, router and control share one core, and whoever interrupts a pick counts in it."
    )
    columns = ("peer", "picks", "mean us", "p99 ms", "within 1 ms")
    return Grid(f"The pick itself at {PUBLISHED_RATE:g} requests/s", columns, rows, note)


def _spread(by_peer: Mapping[str, Figures]) -> Iterator[tuple[str, ...]]:
    for peer, found in by_peer.items():
        each = sorted(found.parts_us.get(PICKER, []), reverse=True)
        if len(each) > 1 and any(each):
            listed = ", ".join(f"{us:.0f}" for us in each)
            yield f"{peer}, {found.per_second:,.0f}/s", listed, f"{each[0] / sum(each):.0%}"


def _remains(by_peer: Mapping[str, Figures], paths: Mapping[str, PathProfile]) -> Grid:
    """Of a request through Envoy, picker and router at 32 connections."""
    peer = _BOTH if _BOTH in by_peer else _EPP
    found, rows = by_peer[peer], []
    if _PLAIN in by_peer:
        plain = by_peer[_PLAIN].cpu_us
        rows = [("Envoy: the request itself", f"{plain:.0f}")]
        filtered = by_peer[_FILTERS].cpu_us if _FILTERS in by_peer else plain
        rows += [("Envoy: filters and routes", f"{filtered - plain:.0f}")]
        rows += [("Envoy: asking", f"{_part(found, _ENVOY) - filtered:.0f}")]
    for name in (PICKER, ROUTER):
        path, whole = paths.get(name), _part(found, name)
        if path is None or not whole:
            continue
        if name == PICKER:
            rows.append(("picker: the pick", f"{path.pick_us:.0f}"))
            rows.append(("picker: Python around it", f"{path.us - path.pick_us:.0f}"))
        else:
            rows.append((f"{name}: Python", f"{path.us:.0f}"))
        rows.append((f"{name}: sockets, event loop, kernel", f"{whole - path.us:.0f}"))
    note = (
        "Envoy: differences between `envoy`, `envoy-filters` and this peer in the same run. Python: the same path in"
        " process, without sockets, best of many rounds, so caches are warm and nobody interrupts; what is over is the"
        " rest of the process's time."
    )
    return Grid(f"What remains of {found.cpu_us:.0f} us ({peer}, {MANY.title})", ("", "us"), rows, note)


def _layers(paths: Mapping[str, PathProfile]) -> Grid:
    names = list(dict.fromkeys(layer for path in paths.values() for layer in path.by_layer))
    rows = [(layer, *(_share(path, layer) for path in paths.values())) for layer in names]
    rows.append(("all", *(f"{path.instructions:,.0f} in {path.us:.0f} us" for path in paths.values())))
    most = "; ".join(
        f"{name}: " + ", ".join(f"`{place}` {count:.0f}" for place, count in path.functions[:5])
        for name, path in paths.items()
    )
    note = f"By function, most first: {most}. All of them: `python -m benchmarks.profile_picker`."
    return Grid("Bytecode instructions per request, by package", ("package", *paths), rows, note)


def _share(path: PathProfile, layer: str) -> str:
    count = path.by_layer.get(layer, 0.0)
    return f"{count:,.0f} ({count / path.instructions:.0%})" if count else "-"


def remarks(results: ExtProcResults) -> list[str]:
    """What must be known of the run."""
    said = []
    epp = results.cases.get(MANY.name, {}).get(_EPP)
    if epp is not None:
        verdict = "kept" if epp.cpu_us <= TARGET_US else "missed"
        said.append(
            f"target {TARGET_US:g} us for Envoy and picker together at {MANY.title}: {verdict}"
            f" (rounds: {', '.join(f'{us:.0f}' for us in epp.rounds_us)})"
        )
    if picks := results.picks.get(_EPP):
        said.append(f"target p99 of the pick <= 1 ms: {'kept' if picks.p99_ms <= 1 else 'missed'}")
    if results.cases:
        said.append(disturbance(results.cases))
    return said + [f"not measured: {failure}" for failure in results.failures]


def markdown(results: ExtProcResults) -> str:
    """The whole report."""
    intro = (
        f"{results.rounds} interleaved rounds of {results.round_seconds:g} s, a peer's processes alone on one core,"
        f" clients and backends on another; load average before: {results.machine.load_before:.1f}. Made by"
        " `make bench` (`python -m benchmarks.ext_proc`)."
    )
    title = "Envoy with an endpoint picker"
    return markdown_of(title, results.started, results.machine, intro, grids(results), remarks(results))
