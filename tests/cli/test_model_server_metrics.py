from __future__ import annotations

import pytest
import typer

from modelyard.cli.model_server_metrics import GivenNames, metrics_place, staleness
from modelyard.control.ext_proc.metrics_place import MetricsPlace
from modelyard.fleet.metric_names import MetricNames, MetricSpec


def test_what_is_not_said_changes_nothing() -> None:
    assert metrics_place(0, "", "") is None
    assert GivenNames().read() is None
    assert staleness("--metrics-staleness-threshold", "") is None


def test_what_is_said() -> None:
    assert metrics_place(8080, "", "") == MetricsPlace(port=8080)
    assert metrics_place(0, "/stats", "https") == MetricsPlace(path="/stats", scheme="https")
    assert GivenNames(queued="q{a=b}").read() == MetricNames(queued=MetricSpec("q", {"a": "b"}))
    assert staleness("--metrics-staleness-threshold", "1500ms") == 1.5


@pytest.mark.parametrize(("path", "scheme"), [("stats", ""), ("/a b", ""), ("", "ftp")])
def test_places_that_are_none_are_told(path: str, scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        metrics_place(0, path, scheme)
    assert "--model-server-metrics-" in capsys.readouterr().err


def test_names_and_ages_that_are_none_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        GivenNames(lora="a b").read()
    assert "--lora-info-metric: 'a b' is no metric" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        staleness("--metrics-staleness-threshold", "0s")
    assert "must be above 0" in capsys.readouterr().err
