"""EndpointPickerConfig (``llm-d.ai/v1alpha1``, before ``inference.networking.x-k8s.io/v1alpha1``).

Plugin names and parameters are free here; the picking layer knows and checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.resources.bases import Origin, Strict
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.quantities import Quantity


class PluginSpec(Strict, frozen=True, kw_only=True):
    """One plugin instance."""

    name: str = ""
    """Empty: the same as ``type``."""
    type: str
    parameters: Mapping[str, Any] = {}

    @property
    def ref(self) -> str:
        """The name that profiles refer to."""
        return self.name or self.type


class SchedulingPlugin(Strict, frozen=True, kw_only=True):
    """A plugin in a profile."""

    plugin_ref: str
    weight: float | None = None
    """Of a scorer; None means 1."""


class SchedulingProfile(Strict, frozen=True, kw_only=True):
    """Filters, scorers and a picker that run together, in this order."""

    name: str
    plugins: tuple[SchedulingPlugin, ...] = ()


class PluginRef(Strict, frozen=True, kw_only=True):
    """A plugin by name."""

    plugin_ref: str


class DataSource(Strict, frozen=True, kw_only=True):
    """A data source and what is extracted from it."""

    plugin_ref: str
    extractors: tuple[PluginRef, ...] = ()


class DataLayer(Strict, frozen=True, kw_only=True):
    """What is known of endpoints, and from where."""

    inject_defaults: bool = True
    sources: tuple[DataSource, ...] = ()
    discovery: PluginRef | None = None
    peer_discovery: PluginRef | None = None
    cross_replica_syncer_plugin_ref: str | None = None
    cross_replica_sync_interval: str | None = None


class RequestHandler(Strict, frozen=True, kw_only=True):
    """Parsers of request bodies."""

    parsers: tuple[PluginRef, ...] = ()


class PriorityBand(Strict, frozen=True, kw_only=True):
    """Queue limits and policies of one priority."""

    priority: int = 0
    max_requests: Quantity | None = None
    max_bytes: Quantity | None = None
    fairness_policy_ref: str | None = None
    ordering_policy_ref: str | None = None


class SaturationDetectorRef(Strict, frozen=True, kw_only=True):
    """The plugin that says how full a pool is."""

    plugin_ref: str = ""
    """Empty: the default detector."""


class FlowControl(Strict, frozen=True, kw_only=True):
    """Queueing. Quantities and Go durations as written."""

    max_bytes: Quantity | None = None
    max_requests: Quantity | None = None
    default_request_ttl: str | None = msgspec.field(default=None, name="defaultRequestTTL")
    no_endpoint_request_ttl: str | None = msgspec.field(default=None, name="noEndpointRequestTTL")
    default_priority_band: PriorityBand | None = None
    default_negative_priority_band: PriorityBand | None = None
    priority_bands: tuple[PriorityBand, ...] = ()
    usage_limit_policy_plugin_ref: str | None = None
    saturation_detector: SaturationDetectorRef | None = None
    enable_eviction: bool = False


class EndpointPickerConfig(Strict, frozen=True, kw_only=True):
    """How a pool picks. ``metadata`` may be missing: the name is then ``default``."""

    api_version: str
    kind: str
    metadata: ObjectMeta = ObjectMeta(name="default")
    origin: Origin = Origin()
    feature_gates: tuple[str, ...] = ()
    plugins: tuple[PluginSpec, ...] = ()
    scheduling_profiles: tuple[SchedulingProfile, ...] = ()
    data_layer: DataLayer | None = None
    data: DataLayer | None = None
    """Older name of ``dataLayer``; parsed only."""
    request_handler: RequestHandler | None = None
    flow_control: FlowControl | None = None
    saturation_detector: Mapping[str, Any] | None = None
    """Deprecated place; parsed only."""
    parser: Mapping[str, Any] | None = None
    """Deprecated place; parsed only."""
