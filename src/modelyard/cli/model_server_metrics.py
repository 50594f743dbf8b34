"""Options of ``epp`` that say where model servers show their load, and under which names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.ext_proc_options import seconds
from modelyard.cli.output import fail
from modelyard.control.ext_proc.metrics_place import MetricsPlace
from modelyard.fleet.metric_names import MetricNames, MetricSpec

_PANEL = "Model servers' metrics"


def _option(name: str, help: str, **more: Any) -> Any:
    return typer.Option(name, help=help, rich_help_panel=_PANEL, **more)


MetricsPortOption = Annotated[
    int,
    _option(
        "--model-server-metrics-port",
        "Port of every endpoint's metrics. Default: where its engine shows them.",
        min=0,
        max=65535,
        show_default=False,
    ),
]
MetricsPathOption = Annotated[
    str, _option("--model-server-metrics-path", "Their path. Default: that of the engine, else /metrics.")
]
MetricsSchemeOption = Annotated[
    str, _option("--model-server-metrics-scheme", "http or https; certificates are not verified. Default: http.")
]
QueuedMetricOption = Annotated[
    str,
    _option(
        "--total-queued-requests-metric",
        "NAME or NAME{LABEL=VALUE} of the number of requests that wait. This and the next ones: read instead of what "
        "the engine is known to export, where the page has it.",
    ),
]
RunningMetricOption = Annotated[str, _option("--total-running-requests-metric", "Requests that run.")]
UsageMetricOption = Annotated[str, _option("--kv-cache-usage-percentage-metric", "Share of the KV cache, 0 to 1.")]
LoraMetricOption = Annotated[str, _option("--lora-info-metric", "Adapters, with vLLM's labels.")]
CacheMetricOption = Annotated[str, _option("--cache-info-metric", "Blocks of the KV cache, with vLLM's labels.")]
StalenessOption = Annotated[
    str,
    _option(
        "--metrics-staleness-threshold",
        "Age at which a reading counts as none, where the utilization-detector's parameters do not say it.",
    ),
]


def metrics_place(port: int, path: str, scheme: str) -> MetricsPlace | None:
    """Where metrics are; None: nothing was said. Ends with a clear error for what cannot be meant."""
    if not (port or path or scheme):
        return None
    if scheme not in ("", "http", "https"):
        fail(f"--model-server-metrics-scheme {scheme!r}: http or https.", ExitCode.USAGE)
    if path and (not path.startswith("/") or not path.isprintable() or " " in path):
        fail(f"--model-server-metrics-path {path!r}: it begins with / and has no space.", ExitCode.USAGE)
    return MetricsPlace(port=port, path=path or "/metrics", scheme=scheme or "http")


def staleness(option: str, text: str) -> float | None:
    """None: nothing was said. Ends with a clear error for what is no age."""
    age = seconds(option, text) if text else None
    if age is not None and age <= 0:
        fail(f"{option} must be above 0.", ExitCode.USAGE)
    return age


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenNames:
    """The options with names of metrics, as given."""

    queued: str = ""
    running: str = ""
    kv_usage: str = ""
    lora: str = ""
    cache: str = ""

    def read(self) -> MetricNames | None:
        """None: none was given. Ends with a clear error for what is no metric's name."""
        names = MetricNames(
            queued=_spec("--total-queued-requests-metric", self.queued),
            running=_spec("--total-running-requests-metric", self.running),
            kv_usage=_spec("--kv-cache-usage-percentage-metric", self.kv_usage),
            lora=_spec("--lora-info-metric", self.lora),
            cache=_spec("--cache-info-metric", self.cache),
        )
        return names if names.given() else None


def _spec(option: str, text: str) -> MetricSpec | None:
    if not text.strip():
        return None
    try:
        return MetricSpec.of(text)
    except ValueError as problem:
        fail(f"{option}: {problem}.", ExitCode.USAGE)
