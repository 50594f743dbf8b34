from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from modelyard.control.ext_proc.dashboard_names import OTHER_NAMES
from modelyard.control.ext_proc.picked_metrics import objective_metrics
from modelyard.telemetry import catalogue
from modelyard.telemetry.exposition import render
from modelyard.telemetry.objective_metrics import ObjectiveRow


def test_names_are_taken_once() -> None:
    names = [metric.name for metric in catalogue.CATALOGUE]
    names += [alias.metric.name for found in OTHER_NAMES.values() for alias in found]
    assert len(names) == len(set(names))


def test_every_name_has_the_same_samples() -> None:
    rows = [ObjectiveRow("a", "b", picked={0: 3})]
    page = render(objective_metrics(rows), [], OTHER_NAMES)
    shown = {
        sample.name: (sample.labels, sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    now = shown["inference_objective_request_total"]
    assert now == ({"model_name": "a", "target_model_name": "b", "priority": "0"}, 3)
    assert shown["inference_model_request_total"] == shown["llm_d_epp_request_total"] == now


def test_labels_that_were_renamed_or_added() -> None:
    families = {catalogue.POOL_POD_QUEUE: [(("pod-0", "chat"), 2)], catalogue.EXTENSION_PREFIXES: [((), 7)]}
    page = render(families, [], OTHER_NAMES)
    assert 'llm_d_epp_per_endpoint_queue_size{model_server_endpoint="pod-0",name="chat"} 2' in page
    plugin = "approx-prefix-cache-producer"
    assert f'llm_d_epp_prefix_indexer_size{{plugin_name="{plugin}",plugin_type="{plugin}"}} 7' in page
