"""The metrics page, read back by Prometheus's own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry import catalogue
from modelyard.telemetry.exposition import render
from modelyard.telemetry.request_metrics import RequestMetrics


def page() -> str:
    metrics = RequestMetrics()
    for duration in (0.001, 0.2, 1000.0):
        metrics.record(
            ExchangeRecord(
                route="default/r",
                backend="b",
                model='odd"\\\nname',
                status=200,
                duration=duration,
                time_to_first_byte=duration / 2,
                output_tokens=3,
            )
        )
    return render({catalogue.CONFIG_GENERATION: [((), 7)]}, metrics.drain())


def families() -> dict[str, object]:
    return {family.name: family for family in text_string_to_metric_families(page())}


def test_labels_survive_escaping() -> None:
    samples = families()["modelyard_requests"].samples
    assert samples[0].labels["model"] == 'odd"\\\nname'
    assert samples[0].value == 3


def test_histograms_are_cumulative_and_end_with_the_count() -> None:
    samples = families()["modelyard_request_duration_seconds"].samples
    buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3
    assert next(sample.value for sample in samples if sample.name.endswith("_count")) == 3


def test_gauges_without_labels() -> None:
    assert families()["modelyard_config_generation"].samples[0].value == 7


def test_every_metric_is_declared_once_and_explained() -> None:
    names = [metric.name for metric in catalogue.CATALOGUE]
    assert len(names) == len(set(names))
    assert all(metric.help.endswith(".") for metric in catalogue.CATALOGUE)
    known_elsewhere = (
        "inference_objective_",
        "inference_pool_",
        "inference_extension_",
        "llm_d_epp_",
        "bbr_",
        "lora_syncer_",
    )
    """Dashboards have these under the names that the inference extension gave them."""
    assert all(name.startswith(("modelyard_", *known_elsewhere)) for name in names)
