from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelyard.flow.plugins import FLOW_PLUGINS


@pytest.mark.parametrize("name", FLOW_PLUGINS)
def test_unknown_parameters_are_refused(name: str) -> None:
    assert msgspec.convert({}, FLOW_PLUGINS[name])
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"noSuchParameter": 1}, FLOW_PLUGINS[name])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("utilization-detector", {"queueDepthThreshold": 0}),
        ("utilization-detector", {"kvCacheUtilThreshold": 1.5}),
        ("utilization-detector", {"metricsStalenessThreshold": "0s"}),
        ("utilization-detector", {"metricsStalenessThreshold": "later"}),
        ("utilization-detector", {"headroom": 0.5}),
        ("concurrency-detector", {"concurrencyMode": "tokens"}),
        ("concurrency-detector", {"maxConcurrency": 0}),
        ("concurrency-detector", {"headroom": 0.5}),
        ("static-usage-limit-policy", {"threshold": 0}),
        ("static-usage-limit-policy", {"threshold": 1.1}),
    ],
)
def test_values_that_cannot_be_honoured_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parameters, FLOW_PLUGINS[name])
