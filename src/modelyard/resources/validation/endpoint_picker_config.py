"""Rules of EndpointPickerConfig: names are distinct, references have a target, sizes and times can be read.

Whether a plugin type exists and its parameters fit is the picking layer's to say, and so is what the policies of
flow control are called: those need no entry under ``plugins``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelyard.resources.durations import parse_go_duration
from modelyard.resources.endpoint_picker_config import (
    DataLayer,
    EndpointPickerConfig,
    FlowControl,
    PriorityBand,
)
from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Path, Report
from modelyard.resources.validation import formats


def check_endpoint_picker_config(config: EndpointPickerConfig, report: Report) -> None:
    refs = Counter(plugin.ref for plugin in config.plugins)
    for index, plugin in enumerate(config.plugins):
        place = report.at("plugins", index)
        place.at("type").require(bool(plugin.type), "must not be empty")
        place.require(refs[plugin.ref] == 1, f"two plugins have the name {shown(plugin.ref)}; give them names")
    profiles = Counter(profile.name for profile in config.scheduling_profiles)
    for index, profile in enumerate(config.scheduling_profiles):
        report.at("schedulingProfiles", index, "name").require(
            bool(profile.name) and profiles[profile.name] == 1, "each profile needs a name of its own"
        )
    for path, ref in _plugin_refs(config):
        if ref not in refs:
            report.at(*path).fault(
                f"no plugin has the name {shown(ref)}", allowed=sorted(refs), suggestion=nearest(ref, refs)
            )
    if config.flow_control is not None:
        _check_flow_control(config.flow_control, report.at("flowControl"))


def _plugin_refs(config: EndpointPickerConfig) -> Iterator[tuple[Path, str]]:
    for index, profile in enumerate(config.scheduling_profiles):
        for number, plugin in enumerate(profile.plugins):
            yield ("schedulingProfiles", index, "plugins", number, "pluginRef"), plugin.plugin_ref
    for name, layer in (("dataLayer", config.data_layer), ("data", config.data)):
        if layer is not None:
            yield from (((name, *path), ref) for path, ref in _data_refs(layer))
    if config.request_handler is not None:
        for index, parser in enumerate(config.request_handler.parsers):
            yield ("requestHandler", "parsers", index, "pluginRef"), parser.plugin_ref


def _data_refs(layer: DataLayer) -> Iterator[tuple[Path, str]]:
    for index, source in enumerate(layer.sources):
        yield ("sources", index, "pluginRef"), source.plugin_ref
        for number, extractor in enumerate(source.extractors):
            yield ("sources", index, "extractors", number, "pluginRef"), extractor.plugin_ref
    if layer.discovery is not None:
        yield ("discovery", "pluginRef"), layer.discovery.plugin_ref


def _check_flow_control(flow: FlowControl, report: Report) -> None:
    for name, size in (("maxBytes", flow.max_bytes), ("maxRequests", flow.max_requests)):
        if size is not None:
            report.at(name).check(formats.quantity(size))
    for name, text in (
        ("defaultRequestTTL", flow.default_request_ttl),
        ("noEndpointRequestTTL", flow.no_endpoint_request_ttl),
    ):
        if text is not None:
            report.at(name).check(_go_duration(text))
    priorities = Counter(band.priority for band in flow.priority_bands)
    for index, band in enumerate(flow.priority_bands):
        _check_band(band, report.at("priorityBands", index))
        report.at("priorityBands", index, "priority").require(
            priorities[band.priority] == 1, f"{band.priority} has two bands"
        )
    if flow.default_priority_band is not None:
        _check_band(flow.default_priority_band, report.at("defaultPriorityBand"))
    if flow.default_negative_priority_band is not None:
        _check_band(flow.default_negative_priority_band, report.at("defaultNegativePriorityBand"))


def _check_band(band: PriorityBand, report: Report) -> None:
    for name, size in (("maxBytes", band.max_bytes), ("maxRequests", band.max_requests)):
        if size is not None:
            report.at(name).check(formats.quantity(size))


def _go_duration(text: str) -> str | None:
    try:
        parse_go_duration(text)
    except ValueError as error:
        return str(error)
    return None
