from __future__ import annotations

import pytest

from modelyard.control.ext_proc.staleness import with_staleness
from modelyard.picking.config import scheduler_config
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.loading import load_documents

HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n"


def stale_after(text: str) -> float:
    """What the detector of a config goes by when the command line says 7 s."""
    loaded = load_documents(text, "test").objects if text else ()
    (config,) = (item for item in with_staleness(loaded, 7.0) if isinstance(item, EndpointPickerConfig))
    return scheduler_config(config).flow.detector.stale_after


DETECTOR = """plugins:
- {type: utilization-detector, name: full, parameters: {queueDepthThreshold: 9%s}}
flowControl: {saturationDetector: {pluginRef: full}}
"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 7.0),
        (HEAD + "plugins: [{type: queue-scorer}]\nschedulingProfiles: []\n", 7.0),
        (HEAD + DETECTOR % "", 7.0),
        (HEAD + DETECTOR % ", metricsStalenessThreshold: 3s", 3.0),
        (HEAD + "saturationDetector: {queueDepthThreshold: 9}\n", 7.0),
        (
            HEAD + "plugins: [{type: utilization-detector}]\nsaturationDetector: {pluginRef: utilization-detector}\n",
            7.0,
        ),
        (
            HEAD + "plugins: [{type: concurrency-detector}]\n"
            "flowControl: {saturationDetector: {pluginRef: concurrency-detector}}\n",
            2.0,
        ),
    ],
)
def test_what_the_config_says_comes_first(text: str, seconds: float) -> None:
    assert stale_after(text) == seconds


def test_everything_else_stays() -> None:
    """A pool without a config picks as before."""
    (config,) = with_staleness((), 7.0)
    assert isinstance(config, EndpointPickerConfig)
    assert scheduler_config(config).profiles == scheduler_config(None).profiles
