"""What a Scheduler is built from: checked, frozen, comparable."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.flow.config import FlowConfig
from modelyard.picking.policy import Parameters, PickerParameters
from modelyard.picking.prefix_index import PrefixSettings
from modelyard.resources.faults import Fault, render_path


class ConfigError(ValueError):
    """An EndpointPickerConfig cannot be honoured. The text names plugin, path, value, what is allowed, the nearest."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(_line(fault) for fault in faults))
        self.faults = tuple(faults)


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One policy instance with checked parameters."""

    name: str
    type: str
    parameters: Parameters
    weight: float = 1.0
    """Of a scorer: what its score is multiplied with."""


class PickerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The picker of a profile."""

    name: str
    type: str
    parameters: PickerParameters


class ProfileConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Filters, scorers and a picker that run together."""

    name: str = "default"
    filters: tuple[PluginConfig, ...] = ()
    scorers: tuple[PluginConfig, ...] = ()
    picker: PickerConfig


class SchedulerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a Scheduler and the admission before it read. Equal configs behave alike."""

    profiles: tuple[ProfileConfig, ...]
    """At least one."""
    profile_header: str | None = None
    """Header that names a request's profile (``header-profile-handler``); None: the first profile is the only one."""
    default_profile: str = ""
    """Profile of requests without that header."""
    prefix: PrefixSettings = PrefixSettings()
    flow: FlowConfig = FlowConfig()
    tells_served: bool = False
    """For an endpoint picker under conformance tests: answers say which endpoint the proxy says served them
    (``destination-endpoint-served-verifier``)."""
    reads_bodies: bool = True
    """For an endpoint picker: False where ``passthrough-parser`` is the only parser."""
    only_parsers: frozenset[str] = frozenset()
    """For an endpoint picker: the parsers whose paths alone are taken (``bodies.claimed_paths``); empty: any path."""


def _line(fault: Fault) -> str:
    path = render_path(fault.path)
    text = f"{path}: {fault.message}" if path else fault.message
    if fault.suggestion:  # first: the list may be long
        text += f"; did you mean {fault.suggestion!r}?"
    if fault.allowed:
        text += f"{'' if fault.suggestion else ';'} allowed: {', '.join(fault.allowed)}"
    return text
