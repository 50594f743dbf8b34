"""EndpointPickerConfigs as they were written for earlier versions of the reference picker, in today's form.

They are what charts and guides in use still contain: the prefix index configured at its scorer, the saturation detector
at the top, plugins under former names. What is not known here is left as it is, for the reader to refuse by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelyard.flow.plugins import UTILIZATION
from modelyard.picking.ecosystem import PREFIX_PRODUCER
from modelyard.picking.prefix_index import BYTES_PER_TOKEN
from modelyard.resources.endpoint_picker_config import (
    EndpointPickerConfig,
    FlowControl,
    PluginRef,
    PluginSpec,
    RequestHandler,
    SaturationDetectorRef,
)

FORMER_TYPES: Mapping[str, str] = {
    "kv-cache-scorer": "kv-cache-utilization-scorer",
    "model-server-protocol-metrics": "core-metrics-extractor",
}
_PREFIX_SCORER = "prefix-cache-scorer"
_INDEX_PARAMETERS = frozenset(
    {"autoTune", "blockSizeTokens", "maxPrefixBlocksToMatch", "maxPrefixTokensToMatch", "lruCapacityPerServer"}
)
_BLOCK_BYTES = ("blockSize", "hashBlockSize")
"""Bytes of a block, before blocks were counted in tokens."""
_REF = "pluginRef"
DECISION_TREE = "decision-tree-filter"


def in_todays_form(config: EndpointPickerConfig) -> EndpointPickerConfig:
    """The same config without older forms."""
    plugins = [_renamed(plugin) for plugin in config.plugins]
    plugins = _with_producer([_whole_tree(plugin, plugins) for plugin in plugins])
    config = msgspec.structs.replace(config, plugins=tuple(plugins))
    return _with_parser(_with_detector(config))


def _renamed(plugin: PluginSpec) -> PluginSpec:
    """Under today's type; profiles go on to refer to it by the name they know."""
    today = FORMER_TYPES.get(plugin.type)
    return plugin if today is None else msgspec.structs.replace(plugin, name=plugin.ref, type=today)


def _whole_tree(plugin: PluginSpec, plugins: Sequence[PluginSpec]) -> PluginSpec:
    """A decision tree with the filters that it names in place of their names."""
    if plugin.type != DECISION_TREE:
        return plugin
    known = {other.ref: other for other in plugins if other.type != DECISION_TREE}
    return msgspec.structs.replace(plugin, parameters=_with_filters(plugin.parameters, known))


def _with_filters(value: Any, known: Mapping[str, PluginSpec]) -> Any:
    if not isinstance(value, Mapping):
        return value
    named = known.get(value[_REF]) if set(value) == {_REF} and isinstance(value[_REF], str) else None
    if named is not None:
        return {"type": named.type, "parameters": named.parameters}
    return {name: _with_filters(item, known) for name, item in value.items()}


def _with_producer(plugins: list[PluginSpec]) -> list[PluginSpec]:
    """The index's parameters of a prefix scorer as those of a producer, where there is none."""
    if any(plugin.type == PREFIX_PRODUCER for plugin in plugins):
        return plugins
    for place, plugin in enumerate(plugins):
        moved = _index_parameters(plugin) if plugin.type == _PREFIX_SCORER else {}
        if moved:
            names = _INDEX_PARAMETERS.union(_BLOCK_BYTES)
            kept = {name: value for name, value in plugin.parameters.items() if name not in names}
            scorer = msgspec.structs.replace(plugin, parameters=kept)
            producer = PluginSpec(type=PREFIX_PRODUCER, parameters=moved)
            return [*plugins[:place], scorer, *plugins[place + 1 :], producer]
    return plugins


def _index_parameters(scorer: PluginSpec) -> dict[str, Any]:
    found = {name: value for name, value in scorer.parameters.items() if name in _INDEX_PARAMETERS}
    for name in _BLOCK_BYTES:
        size = scorer.parameters.get(name)
        if isinstance(size, int):
            found.setdefault("blockSizeTokens", -(-size // BYTES_PER_TOKEN))
    return found


def _with_detector(config: EndpointPickerConfig) -> EndpointPickerConfig:
    """The detector at the top: a plugin's name, or thresholds of the one that there was."""
    top = config.saturation_detector
    flow = config.flow_control or FlowControl()
    if not top or flow.saturation_detector is not None:
        return config
    plugins, ref = config.plugins, top.get(_REF)
    if _REF not in top:
        ref = UTILIZATION
        if any(plugin.ref == ref for plugin in plugins):
            return config
        plugins = (*plugins, PluginSpec(type=ref, parameters=top))
    elif len(top) > 1 or not isinstance(ref, str):
        return config
    return msgspec.structs.replace(
        config,
        plugins=plugins,
        flow_control=msgspec.structs.replace(flow, saturation_detector=SaturationDetectorRef(plugin_ref=ref)),
        saturation_detector=None,
    )


def _with_parser(config: EndpointPickerConfig) -> EndpointPickerConfig:
    top = config.parser
    if not top or config.request_handler is not None or set(top) != {_REF} or not isinstance(top[_REF], str):
        return config
    handler = RequestHandler(parsers=(PluginRef(plugin_ref=top[_REF]),))
    return msgspec.structs.replace(config, request_handler=handler, parser=None)
