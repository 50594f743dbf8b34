"""The tables of Envoy with pickers."""

from __future__ import annotations

from benchmarks.comparison import Figures
from benchmarks.ext_proc_report import ExtProcResults, cores, grids, markdown, remarks
from benchmarks.pick_times import PickTimes
from benchmarks.profile_picker import PathProfile
from benchmarks.results_file import Machine

MACHINE = Machine(cpu="cpu", cores=2, system="Linux", python="3.11", versions={"modelyard": "1"}, load_before=0.5)


def figures(cpu: float, beside: float = 0.0, **parts: list[float]) -> Figures:
    return Figures(
        cpu_us=cpu,
        beside_us=beside,
        per_second=1000.0,
        p50_ms=1.0,
        p99_ms=2.0,
        errors=0,
        complaint="",
        rounds_us=[cpu, cpu],
        disturbed=[0.0, 0.25],
        parts_us=parts,
    )


def results(epp_us: float = 300.0, p99_ms: float = 0.5) -> ExtProcResults:
    cases = {
        "envoy": figures(60.0),
        "envoy-filters": figures(75.0, envoy=[75.0]),
        "envoy-epp": figures(epp_us, 10.0, envoy=[180.0], picker=[120.0]),
        "envoy-epp-bbr": figures(500.0, 9.0, envoy=[250.0], picker=[150.0], router=[100.0]),
        "envoy-epp-4-workers": figures(400.0, 9.0, envoy=[200.0], picker=[150.0, 50.0, 0.0, 0.0]),
        "modelyard": figures(70.0, 2.0),
    }
    path = PathProfile(
        us=90.0, pick_us=20.0, instructions=1000.0, by_layer={"http2": 600.0, "picking": 400.0}, functions=[("f", 9.0)]
    )
    return ExtProcResults(
        started="2026-11-21T19:00:00+00:00",
        machine=MACHINE,
        rounds=2,
        round_seconds=1.0,
        cases={"one": cases, "many": cases, "paced": cases},
        picks={"envoy-epp": PickTimes(picks=900, mean_us=40.0, p99_ms=p99_ms, within_target=0.999)},
        paths={"picker": path, "router": path},
    )


def rows(title: str) -> dict[str, tuple[str, ...]]:
    (grid,) = [grid for grid in grids(results()) if grid.title.startswith(title)]
    return {row[0]: tuple(row[1:]) for row in grid.rows}


def test_cost_of_each_process() -> None:
    table = rows("Envoy and pickers, 200 B body, 32 connections")
    assert table["envoy-epp"][:5] == ("300", "180", "120", "-", "10")
    assert table["envoy-epp-bbr"][:5] == ("500", "250", "150", "100", "9")
    assert table["envoy"][:2] == ("60", "60")
    assert table["modelyard"][:3] == ("70", "-", "-")


def test_published_cost_stands_beside() -> None:
    table = rows("At 500 requests")
    assert table["reference implementation (published)"][:4] == ("2.100", "4.900", "7.000", "14,000")
    assert table["envoy-epp"][:5] == ("0.090", "0.065", "0.155", "310", "1/45")
    assert cores(14_000) == 7


def test_spread_over_workers() -> None:
    table = rows("Several picker workers")
    assert table["envoy-epp-4-workers, 1,000/s"] == ("150, 50, 0, 0", "75%")
    assert len(table) == 1


def test_what_remains_is_the_whole() -> None:
    table = {name: int(cells[0]) for name, cells in rows("What remains of 500 us").items()}
    assert table["Envoy: the request itself"] == 60
    assert table["Envoy: filters and routes"] == 15
    assert table["Envoy: asking"] == 175
    assert table["picker: the pick"] + table["picker: Python around it"] == 90
    assert sum(table.values()) == 500


def test_targets_are_judged() -> None:
    assert [said.split(": ")[1].split(" (")[0] for said in remarks(results())[:2]] == ["kept", "kept"]
    missed = remarks(results(401.0, 2.0))
    assert [said.split(": ")[1].split(" (")[0] for said in missed[:2]] == ["missed", "missed"]


def test_a_run_that_measured_nothing_has_a_report() -> None:
    empty = ExtProcResults(started="now", machine=MACHINE, rounds=1, round_seconds=1.0, failures=["no Envoy"])
    assert list(grids(empty)) == []
    assert markdown(empty).endswith("- not measured: no Envoy\n")


def test_report_has_every_table() -> None:
    text = markdown(results())
    assert text.count("\n## ") == len(list(grids(results()))) == 7
