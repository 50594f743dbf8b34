"""The age at which a reading counts as none, as the command line says it for all EndpointPickerConfigs that do not."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modelyard.flow.plugins import UTILIZATION
from modelyard.resources.endpoint_picker_config import (
    EndpointPickerConfig,
    FlowControl,
    PluginSpec,
    SaturationDetectorRef,
)
from modelyard.resources.kinds import AnyResource
from modelyard.resources.metadata import ObjectMeta

_THRESHOLD = "metricsStalenessThreshold"
_DEFAULT = ObjectMeta(name="default", namespace="default")


def with_staleness(objects: Iterable[AnyResource], seconds: float) -> list[AnyResource]:
    """``objects`` with the threshold in every config; and with a config for pools that have none."""
    told = list(objects)
    configs = [item for item in told if isinstance(item, EndpointPickerConfig)]
    if not any((item.metadata.namespace, item.metadata.name) == ("default", "default") for item in configs):
        told.append(
            EndpointPickerConfig(api_version="llm-d.ai/v1alpha1", kind="EndpointPickerConfig", metadata=_DEFAULT)
        )
    return [_told(item, f"{seconds:g}s") if isinstance(item, EndpointPickerConfig) else item for item in told]


def _told(config: EndpointPickerConfig, threshold: str) -> EndpointPickerConfig:
    top = config.saturation_detector
    if top and "pluginRef" not in top:  # as older versions have it
        return msgspec.structs.replace(config, saturation_detector={_THRESHOLD: threshold, **top})
    flow = config.flow_control or FlowControl()
    chosen = flow.saturation_detector.plugin_ref if flow.saturation_detector is not None else ""
    wanted = str(top["pluginRef"]) if top else chosen or UTILIZATION
    for place, plugin in enumerate(config.plugins):
        if plugin.ref == wanted and plugin.type == UTILIZATION:
            told = msgspec.structs.replace(plugin, parameters={_THRESHOLD: threshold, **plugin.parameters})
            plugins = (*config.plugins[:place], told, *config.plugins[place + 1 :])
            break
    else:
        if wanted != UTILIZATION:  # another detector, or one that does not exist
            return config
        plugins = (*config.plugins, PluginSpec(type=UTILIZATION, parameters={_THRESHOLD: threshold}))
    if top:
        return msgspec.structs.replace(config, plugins=plugins)
    flow = msgspec.structs.replace(flow, saturation_detector=SaturationDetectorRef(plugin_ref=wanted))
    return msgspec.structs.replace(config, plugins=plugins, flow_control=flow)
