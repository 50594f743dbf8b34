from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.config import ConfigError, SchedulerConfig, scheduler_config
from modelyard.picking.older_configs import in_todays_form
from modelyard.picking.prefix_index import PrefixSettings
from modelyard.resources.bases import Origin
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.loading import load_value

CHART_V1 = {
    "plugins": [
        {"type": "queue-scorer"},
        {"type": "kv-cache-scorer"},
        {
            "type": "prefix-cache-scorer",
            "parameters": {"hashBlockSize": 64, "maxPrefixBlocksToMatch": 256, "lruCapacityPerServer": 31250},
        },
        {"type": "max-score-picker", "parameters": {"maxNumOfEndpoints": 1}},
        {"type": "single-profile-handler"},
    ],
    "schedulingProfiles": [
        {
            "name": "default",
            "plugins": [
                {"pluginRef": "queue-scorer", "weight": 1},
                {"pluginRef": "kv-cache-scorer", "weight": 1},
                {"pluginRef": "prefix-cache-scorer", "weight": 3},
                {"pluginRef": "max-score-picker"},
            ],
        }
    ],
}


def test_the_extractors_former_name() -> None:
    config = loaded(plugins=[{"type": "model-server-protocol-metrics", "parameters": {"defaultEngine": "sglang"}}])
    assert [(plugin.type, plugin.ref) for plugin in in_todays_form(config).plugins] == [
        ("core-metrics-extractor", "model-server-protocol-metrics")
    ]
    scheduler_config(config)


def loaded(**fields: Any) -> EndpointPickerConfig:
    value = {"apiVersion": "inference.networking.x-k8s.io/v1alpha1", "kind": "EndpointPickerConfig", **fields}
    (config,) = load_value(value, Origin()).objects
    assert isinstance(config, EndpointPickerConfig)
    return config


def read(**fields: Any) -> SchedulerConfig:
    return scheduler_config(loaded(**fields))


def test_the_config_of_the_v1_chart() -> None:
    config = read(**CHART_V1)
    assert [(item.type, item.weight) for item in config.profiles[0].scorers] == [
        ("queue-scorer", 1),
        ("kv-cache-utilization-scorer", 1),
        ("prefix-cache-scorer", 3),
    ]
    assert (config.prefix.block_tokens, config.prefix.max_blocks) == (16, 256)


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [({"blockSize": 64}, 16), ({"hashBlockSize": 5}, 2), ({"blockSizeTokens": 32, "blockSize": 64}, 32), ({}, 64)],
)
def test_blocks_were_counted_in_bytes(parameters: dict[str, int], tokens: int) -> None:
    assert read(plugins=[{"type": "prefix-cache-scorer", "parameters": parameters}]).prefix.block_tokens == tokens


def test_an_index_of_its_own_wins() -> None:
    plugins = [
        {"type": "approx-prefix-cache-producer", "parameters": {"blockSizeTokens": 8}},
        {"type": "prefix-cache-scorer", "parameters": {"blockSize": 64}},
    ]
    with pytest.raises(ConfigError, match="no parameter 'blockSize'"):
        read(plugins=plugins)


@pytest.mark.parametrize(
    "parameters", [{"mode": "cache_tracking"}, {"blockSize": "64"}, {"blockSize": 64, "mode": "x"}]
)
def test_what_was_never_known_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="prefix-cache-scorer has no parameter"):
        read(plugins=[{"type": "prefix-cache-scorer", "parameters": parameters}])


def test_the_detector_at_the_top() -> None:
    thresholds = {"queueDepthThreshold": 10, "kvCacheUtilThreshold": 0.5, "metricsStalenessThreshold": "3s"}
    detector = read(saturationDetector=thresholds, featureGates=["flowControl"]).flow.detector
    assert (detector.queue_depth_threshold, detector.kv_cache_util_threshold, detector.stale_after) == (10, 0.5, 3.0)
    named = {"plugins": [{"type": "concurrency-detector", "name": "c", "parameters": {"maxConcurrency": 7}}]}
    assert read(**named, saturationDetector={"pluginRef": "c"}).flow.detector.max_concurrency == 7


def test_a_detector_at_both_places_is_refused() -> None:
    with pytest.raises(ConfigError, match="has moved"):
        read(
            saturationDetector={"queueDepthThreshold": 1},
            flowControl={"saturationDetector": {"pluginRef": "utilization-detector"}},
            plugins=[{"type": "utilization-detector"}],
        )


def test_a_staleness_that_no_reading_could_keep_is_raised() -> None:
    """Readings come five times a second; the original's 200ms would count every other one as none."""
    detector = read(saturationDetector={"metricsStalenessThreshold": "200ms"}).flow.detector
    assert detector.stale_after == 0.5


def test_the_parser_at_the_top() -> None:
    config = in_todays_form(loaded(plugins=[{"type": "openai-parser"}], parser={"pluginRef": "openai-parser"}))
    assert config.request_handler is not None
    assert config.parser is None
    assert scheduler_config(config).prefix == PrefixSettings()


def test_todays_configs_stay_as_they_are() -> None:
    config = loaded(plugins=[{"type": "queue-scorer"}, {"type": "prefix-cache-scorer"}], featureGates=["flowControl"])
    assert in_todays_form(config) == config
