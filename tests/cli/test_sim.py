from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from modelyard.cli import sim as command
from modelyard.sim.settings import SimSettings

Sims = list[tuple[SimSettings, str, int]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command without serving; its result and what it would have served."""
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    served: Sims = []

    def take(sims: Sequence[tuple[SimSettings, str, int]], output: object) -> None:
        served.extend(sims)

    monkeypatch.setattr(command, "_run", take)

    def invoke(*arguments: str) -> tuple[Any, Sims]:
        return CliRunner().invoke(app, ["sim", *arguments]), served

    return invoke


def test_defaults_are_the_settings_defaults(run: Any) -> None:
    result, served = run()
    assert result.exit_code == 0
    assert served == [(SimSettings(), "127.0.0.1", 8000)]


def test_a_vllm_command_line_works_unchanged(run: Any) -> None:
    _, served = run(
        "--ignore-unknown", "--model", "org/base", "--served-model-name", "x", "y", "--enable-lora",
        "--lora-modules", "a=/a", "b=/b", "--max-num-seqs", "4", "--max_loras=2", "--enforce-eager",
        "--dtype", "bfloat16", "--port", "9000",
    )  # fmt: skip
    settings, host, port = served[0]
    assert (host, port) == ("127.0.0.1", 9000)
    assert settings.names == ("x", "y")
    assert settings.lora == {"a": "/a", "b": "/b"}
    assert (settings.max_num_seqs, settings.max_loras) == (4, 2)


def test_latencies_are_given_in_milliseconds(run: Any) -> None:
    settings = run("m", "--ttft-ms", "250", "--itl-ms", "20")[1][0][0]
    assert (settings.model, settings.ttft_s, settings.itl_s) == ("m", 0.25, 0.02)


def test_instant_wins(run: Any) -> None:
    assert run("--instant", "--ttft-ms", "250")[1][0][0].ttft_s == 0.0


def test_many_servers_stand_on_consecutive_addresses(run: Any) -> None:
    places = [(host, port) for _, host, port in run("--count", "3", "--host", "127.9.0.255")[1]]
    assert places == [("127.9.0.255", 8000), ("127.9.1.0", 8000), ("127.9.1.1", 8000)]


def test_or_on_consecutive_ports_with_all_their_ports(run: Any) -> None:
    served = run("--count", "2", "--spread", "ports", "--metrics-port", "9100")[1]
    assert [(port, settings.metrics_port) for settings, _, port in served] == [(8000, 9100), (8001, 9101)]


def test_faults_from_the_start(run: Any) -> None:
    assert run("--faults", '{"status": 503}')[1][0][0].faults.status == 503


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-loras", "0"], "max_loras is 0"),
        (["--faults", '{"x": 1}'], "unknown field"),
        (["--faults", '{"status": 200}'], "status is 200"),
        (["--lora", "a"], "not NAME=PATH"),
        (["--count", "2", "--host", "localhost"], "does not appear to be an IPv4 or IPv6 address"),
        (["--tensor-parallel-size", "2"], "not arguments of modelyard sim: --tensor-parallel-size 2"),
    ],
)
def test_mistakes_end_with_the_usage_code_and_say_what_is_wrong(
    run: Any, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result, served = run(*arguments)
    assert (result.exit_code, served) == (2, [])
    assert message in result.output + capsys.readouterr().err
