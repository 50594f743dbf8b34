"""flowControl of an EndpointPickerConfig, read through the whole config as users meet it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml

from modelyard.flow.config import BandConfig, DetectorConfig, FlowConfig
from modelyard.flow.plugins import FLOW_PLUGINS
from modelyard.flow.reading import read_flow
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.faults import Report, render_path


def read(text: str, **plugins: tuple[str, dict[str, Any]]) -> tuple[FlowConfig, list[str]]:
    head = {"apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig"}
    epc = msgspec.convert({**head, **(yaml.safe_load(text) or {})}, EndpointPickerConfig)
    known = {name: (type_, msgspec.convert(given, FLOW_PLUGINS[type_])) for name, (type_, given) in plugins.items()}
    report = Report()
    config = read_flow(epc, known, report)
    return config, [f"{render_path(fault.path)}: {fault.message}" for fault in report.faults]


def test_nothing_said_is_the_default() -> None:
    assert read("") == (FlowConfig(), [])
    assert read("flowControl: {}") == (FlowConfig(), [])


@pytest.mark.parametrize(
    ("gates", "enabled"),
    [("[flowControl]", True), ("['flowControl=true']", True), ("['flowControl=false']", False), ("[]", False)],
)
def test_the_gate(gates: str, enabled: bool) -> None:
    assert read(f"featureGates: {gates}") == (FlowConfig(enabled=enabled), [])


def test_everything_said_is_read() -> None:
    config, faults = read(
        """
featureGates: [flowControl]
flowControl:
  maxRequests: 10k
  maxBytes: 2Gi
  defaultRequestTTL: 30s
  noEndpointRequestTTL: 1m30s
  defaultPriorityBand: {maxRequests: 7}
  defaultNegativePriorityBand: {maxBytes: 1M}
  priorityBands:
  - {priority: 10, maxRequests: "2k", maxBytes: 512M, fairnessPolicyRef: turns, orderingPolicyRef: edf-ordering-policy}
  - {priority: -1, maxRequests: 0}
  saturationDetector: {pluginRef: busy}
  usageLimitPolicyPluginRef: limit
""",
        turns=("round-robin-fairness-policy", {}),
        busy=("utilization-detector", {"queueDepthThreshold": 9, "metricsStalenessThreshold": "500ms"}),
        limit=("static-usage-limit-policy", {"threshold": 0.9}),
    )
    assert faults == []
    assert config == FlowConfig(
        enabled=True,
        max_requests=10_000,
        max_bytes=2 * 2**30,
        default_ttl=30.0,
        no_endpoint_ttl=90.0,
        default_band=BandConfig(max_requests=7),
        default_negative_band=BandConfig(max_bytes=1_000_000),
        bands=(
            BandConfig(
                priority=10,
                max_requests=2000,
                max_bytes=512_000_000,
                fairness="round-robin-fairness-policy",
                ordering="edf-ordering-policy",
            ),
            BandConfig(priority=-1),
        ),
        usage_limit=0.9,
        detector=DetectorConfig(queue_depth_threshold=9, stale_after=0.5),
    )


def test_no_time_to_live_is_for_ever_and_the_other_follows() -> None:
    config, _ = read("flowControl: {defaultRequestTTL: 0s}")
    assert (config.default_ttl, config.no_endpoint_ttl) == (None, None)


def test_the_concurrency_detector() -> None:
    config, faults = read(
        "flowControl: {saturationDetector: {pluginRef: c}}", c=("concurrency-detector", {"maxConcurrency": 8})
    )
    assert (config.detector, faults) == (DetectorConfig(type="concurrency-detector", max_concurrency=8), [])
    config, faults = read("flowControl: {saturationDetector: {pluginRef: concurrency-detector}}")
    assert (config.detector.type, faults) == ("concurrency-detector", [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("featureGates: [flowcontrol]", "featureGates[0]: 'flowcontrol' is no feature gate"),
        ("featureGates: ['flowControl=yes']", "featureGates[0]: 'flowControl=yes' is no feature gate"),
        ("flowControl: {defaultRequestTTL: soon}", "flowControl.defaultRequestTTL: 'soon' is not a duration"),
        ("flowControl: {maxRequests: many}", "flowControl.maxRequests: 'many' is not a quantity"),
        ("flowControl: {maxBytes: -1}", "flowControl.maxBytes: -1 must not be negative"),
        ("flowControl: {enableEviction: true}", "flowControl: enableEviction is not implemented"),
        (
            "flowControl: {priorityBands: [{priority: 1}, {priority: 1}]}",
            "flowControl.priorityBands: two bands have priority 1",
        ),
        (
            "flowControl: {priorityBands: [{fairnessPolicyRef: fair}]}",
            "flowControl.priorityBands[0].fairnessPolicyRef: 'fair' names no such policy",
        ),
        (
            "flowControl: {priorityBands: [{maxBytes: x}]}",
            "flowControl.priorityBands[0].maxBytes: 'x' is not a quantity",
        ),
        (
            "flowControl: {saturationDetector: {pluginRef: x}}",
            "flowControl.saturationDetector.pluginRef: 'x' names no such policy",
        ),
        (
            "flowControl: {usageLimitPolicyPluginRef: x}",
            "flowControl.usageLimitPolicyPluginRef: 'x' names no such policy",
        ),
    ],
)
def test_faults_say_where(text: str, fault: str) -> None:
    _, faults = read(text)
    assert len(faults) == 1
    assert faults[0].startswith(fault)
