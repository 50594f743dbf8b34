"""The flow control part of an EndpointPickerConfig -> FlowConfig. Faults go to the report; nothing is raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.flow.config import BandConfig, DetectorConfig, FlowConfig
from modelyard.flow.plugins import (
    CONCURRENCY,
    FAIRNESS,
    ORDERINGS,
    USAGE_LIMIT,
    UTILIZATION,
    ConcurrencyDetectorParameters,
    UtilizationDetectorParameters,
)
from modelyard.resources.durations import parse_go_duration
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig, FlowControl, PriorityBand
from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.quantities import Quantity, parse_quantity

LEAST_STALENESS = 0.5
"""Seconds: two readings and more. The 200ms of other pickers' configs is the time between two readings here, so every
other one would count as none, and the pool as full."""

Plugins = Mapping[str, tuple[str, Any]]
"""Plugin name -> type and checked parameters; an empty type was refused already."""

GATE = "flowControl"
_OTHER_GATES = ("dataLayer", "prepareDataPlugins", "enableLegacyMetrics")
"""Gates of the reference picker that say how it works inside, or ask for what is always there; they change nothing."""


def read_flow(epc: EndpointPickerConfig, plugins: Plugins, report: Report) -> FlowConfig:
    """Settings of admission; the defaults where the config says nothing."""
    enabled = _gate(epc.feature_gates, report.at("featureGates"))
    for field, value in (("saturationDetector", epc.saturation_detector), ("parser", epc.parser)):
        if value:
            report.at(field).fault("has moved: use flowControl.saturationDetector or requestHandler.parsers")
    flow = epc.flow_control
    if flow is None:
        return FlowConfig(enabled=enabled)
    return _Reading(flow, plugins, report.at("flowControl")).config(enabled)


def _gate(gates: Sequence[str], report: Report) -> bool:
    enabled = False
    for index, gate in enumerate(gates):
        name, _, value = gate.partition("=")
        known = (GATE, *_OTHER_GATES)
        if name not in known or value not in ("", "true", "false"):
            report.at(index).fault(f"{shown(gate)} is no feature gate", allowed=known, suggestion=nearest(name, known))
        elif name == GATE:
            enabled = value != "false"
    return enabled


class _Reading:
    def __init__(self, flow: FlowControl, plugins: Plugins, report: Report) -> None:
        self._flow = flow
        self._plugins = plugins
        self._report = report

    def config(self, enabled: bool) -> FlowConfig:
        flow = self._flow
        self._report.require(not flow.enable_eviction, "enableEviction is not implemented: leave it out")
        ttl = self._ttl("defaultRequestTTL", flow.default_request_ttl, 60.0)
        negative = flow.default_negative_priority_band
        return FlowConfig(
            enabled=enabled,
            max_requests=self._quantity("maxRequests", flow.max_requests),
            max_bytes=self._quantity("maxBytes", flow.max_bytes),
            default_ttl=ttl,
            no_endpoint_ttl=self._ttl("noEndpointRequestTTL", flow.no_endpoint_request_ttl, ttl),
            default_band=self._band(flow.default_priority_band or PriorityBand(), "defaultPriorityBand"),
            default_negative_band=self._band(negative, "defaultNegativePriorityBand") if negative else None,
            bands=self._bands(),
            usage_limit=self._usage_limit(),
            detector=self._detector(),
        )

    def _bands(self) -> tuple[BandConfig, ...]:
        bands = self._flow.priority_bands
        priorities = [band.priority for band in bands]
        for priority in {priority for priority in priorities if priorities.count(priority) > 1}:
            self._report.at("priorityBands").fault(f"two bands have priority {priority}")
        return tuple(self._band(band, "priorityBands", index) for index, band in enumerate(bands))

    def _band(self, band: PriorityBand, *path: str | int) -> BandConfig:
        default = BandConfig()
        return BandConfig(
            priority=band.priority,
            max_requests=self._quantity("maxRequests", band.max_requests, path) or default.max_requests,
            max_bytes=self._quantity("maxBytes", band.max_bytes, path) or default.max_bytes,
            fairness=self._policy(band.fairness_policy_ref, FAIRNESS, (*path, "fairnessPolicyRef")),
            ordering=self._policy(band.ordering_policy_ref, ORDERINGS, (*path, "orderingPolicyRef")),
        )

    def _policy(self, ref: str | None, types: Sequence[str], path: tuple[str | int, ...]) -> Any:
        """The type that ``ref`` names: a plugin of the config, or the type itself."""
        if ref is None:
            return types[0]
        type_ = self._type(ref)
        if type_ not in types:
            self._report.at(*path).fault(
                f"{shown(ref)} names no such policy", allowed=types, suggestion=nearest(ref, types)
            )
            return types[0]
        return type_

    def _usage_limit(self) -> float:
        ref = self._flow.usage_limit_policy_plugin_ref
        if ref is None:
            return 1.0
        self._policy(ref, (USAGE_LIMIT,), ("usageLimitPolicyPluginRef",))
        parameters = self._plugins.get(ref, ("", None))[1]
        return float(getattr(parameters, "threshold", 1.0))

    def _detector(self) -> DetectorConfig:
        ref = self._flow.saturation_detector
        if ref is None or not ref.plugin_ref:
            return DetectorConfig()
        self._policy(ref.plugin_ref, (UTILIZATION, CONCURRENCY), ("saturationDetector", "pluginRef"))
        parameters = self._plugins.get(ref.plugin_ref, ("", None))[1]
        if isinstance(parameters, ConcurrencyDetectorParameters):
            return DetectorConfig(type=CONCURRENCY, max_concurrency=parameters.max_concurrency)
        if isinstance(parameters, UtilizationDetectorParameters):
            return DetectorConfig(
                queue_depth_threshold=parameters.queue_depth_threshold,
                kv_cache_util_threshold=parameters.kv_cache_util_threshold,
                stale_after=max(LEAST_STALENESS, parse_go_duration(parameters.metrics_staleness_threshold)),
            )
        return DetectorConfig(type=CONCURRENCY if self._type(ref.plugin_ref) == CONCURRENCY else UTILIZATION)

    def _type(self, ref: str) -> str:
        return self._plugins[ref][0] if ref in self._plugins else ref

    def _ttl(self, field: str, text: str | None, default: float | None) -> float | None:
        """Seconds; ``0s`` is for ever."""
        if text is None:
            return default
        try:
            return parse_go_duration(text) or None
        except ValueError as error:
            self._report.at(field).fault(str(error))
            return default

    def _quantity(self, field: str, value: Quantity | None, path: tuple[str | int, ...] = ()) -> int | None:
        """A whole number; None where it is left out or 0."""
        if value is None:
            return None
        try:
            number = parse_quantity(value)
        except ValueError as error:
            self._report.at(*path, field).fault(str(error))
            return None
        self._report.at(*path, field).require(number >= 0, f"{shown(value)} must not be negative")
        return int(number) or None
