"""EndpointPickerConfig -> SchedulerConfig."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.flow.config import FlowConfig
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig


class ConfigError(ValueError):
    """An EndpointPickerConfig cannot be honoured; the text names plugin, path, value, what is allowed and the nearest."""


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One policy instance with checked parameters."""

    name: str
    type: str
    parameters: Any
    weight: float = 1.0


class ProfileConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Filters, scorers and a picker that run together."""

    name: str = "default"
    filters: tuple[PluginConfig, ...] = ()
    scorers: tuple[PluginConfig, ...] = ()
    picker: PluginConfig


class SchedulerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a Scheduler reads. Equal configs schedule alike."""

    profiles: tuple[ProfileConfig, ...]
    flow: FlowConfig = FlowConfig()


def scheduler_config(epc: EndpointPickerConfig | None) -> SchedulerConfig:
    """The checked settings of ``epc``, or the defaults. Raises ConfigError."""
    raise NotImplementedError
