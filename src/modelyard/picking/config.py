"""EndpointPickerConfig -> SchedulerConfig: every plugin, parameter and reference is checked, every fault named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from modelyard.flow.plugins import FLOW_PLUGINS
from modelyard.flow.reading import read_flow
from modelyard.picking.ecosystem import (
    FILE_DISCOVERY,
    HEADER_PROFILE,
    INFRASTRUCTURE,
    NOT_IMPLEMENTED,
    PASSTHROUGH_PARSER,
    PREFIX_PRODUCER,
    SERVED_VERIFIER,
    SINGLE_PROFILE,
    HeaderProfileParameters,
    PrefixProducerParameters,
)
from modelyard.picking.filters.prefix_cache_affinity import PrefixCacheAffinityParameters
from modelyard.picking.older_configs import in_todays_form
from modelyard.picking.parameters import decode_parameters
from modelyard.picking.policy import NoParameters, PickerParameters
from modelyard.picking.prefix_index import PrefixSettings
from modelyard.picking.registry import FILTERS, PICKERS, SCORERS
from modelyard.picking.scorers.active_request import ActiveRequestParameters
from modelyard.picking.scorers.prefix_cache import PrefixCacheParameters
from modelyard.picking.settings import ConfigError, PickerConfig, PluginConfig, ProfileConfig, SchedulerConfig
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig, SchedulingPlugin
from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report

__all__ = ["ConfigError", "PickerConfig", "PluginConfig", "ProfileConfig", "SchedulerConfig", "scheduler_config"]

IMPLEMENTED: Mapping[str, type[Any]] = {
    **{name: policy.Parameters for table in (FILTERS, SCORERS, PICKERS) for name, policy in table.items()},
    **INFRASTRUCTURE,
    **FLOW_PLUGINS,
}
"""Every plugin type that a config may name, with its parameters."""

_DEFAULT_PICKER = PickerConfig(name="max-score-picker", type="max-score-picker", parameters=PickerParameters())

DEFAULT_PROFILE = ProfileConfig(
    scorers=(
        PluginConfig(name="queue-scorer", type="queue-scorer", parameters=NoParameters(), weight=2),
        PluginConfig(
            name="kv-cache-utilization-scorer",
            type="kv-cache-utilization-scorer",
            parameters=NoParameters(),
            weight=2,
        ),
        PluginConfig(
            name="prefix-cache-scorer", type="prefix-cache-scorer", parameters=PrefixCacheParameters(), weight=3
        ),
        PluginConfig(name="lora-affinity-scorer", type="lora-affinity-scorer", parameters=NoParameters(), weight=1),
        PluginConfig(
            name="active-request-scorer",
            type="active-request-scorer",
            parameters=ActiveRequestParameters(busy_floor=16),
            weight=4,
        ),
    ),
    picker=_DEFAULT_PICKER,
)
"""What a pool without an EndpointPickerConfig gets: the ecosystem's weights, LoRA affinity, and no herds.

The last scorer weighs more than any other one, so that between two readings nothing draws a whole burst to one
endpoint. Its floor of 16 keeps it gentle: one request more costs a quarter point, so a prompt whose prefix is fully
cached (3) stays until its endpoint has got 12 more requests than another since the last reading, and a cold one goes
at once to where the fewest went.
"""


def scheduler_config(epc: EndpointPickerConfig | None) -> SchedulerConfig:
    """The checked settings of ``epc``, or the defaults. Raises ConfigError with every fault that was found."""
    if epc is None:
        return SchedulerConfig(profiles=(DEFAULT_PROFILE,))
    reader = _Reader(in_todays_form(epc), parsers_listed=epc.request_handler is not None)
    config = reader.read()
    if reader.report.faults:
        raise ConfigError(reader.report.faults)
    return config


class _Reader:
    """Reads one config; faults go to ``report``."""

    def __init__(self, epc: EndpointPickerConfig, *, parsers_listed: bool) -> None:
        """``parsers_listed``: in today's form. The one parser of the older form took any path."""
        self.report = Report()
        self._epc = epc
        self._listed = parsers_listed
        self._plugins: dict[str, tuple[str, Any]] = {}
        """Name -> type and checked parameters."""

    def read(self) -> SchedulerConfig:
        self._read_plugins()
        self._check_references()
        profiles = self._profiles()
        header, default = self._profile_choice(profiles)
        parsers = self._parsers()
        return SchedulerConfig(
            profiles=profiles,
            profile_header=header,
            default_profile=default,
            prefix=self._prefix(),
            flow=read_flow(self._epc, self._plugins, self.report),
            tells_served=any(type_ == SERVED_VERIFIER for type_, _ in self._plugins.values()),
            reads_bodies=parsers != {PASSTHROUGH_PARSER},
            only_parsers=frozenset() if PASSTHROUGH_PARSER in parsers or not self._listed else parsers,
        )

    def _read_plugins(self) -> None:
        for index, spec in enumerate(self._epc.plugins):
            report = self.report.at("plugins", index)
            if spec.ref in self._plugins:
                report.at("name").fault(f"two plugins are named {shown(spec.ref)}; names must differ")
            elif spec.type not in IMPLEMENTED:
                self._refuse_type(spec.type, report.at("type"))
                self._plugins[spec.ref] = ("", None)
            else:
                parameters = decode_parameters(spec, IMPLEMENTED[spec.type], report.at("parameters"))
                self._plugins[spec.ref] = (spec.type if parameters is not None else "", parameters)

    def _refuse_type(self, name: str, report: Report) -> None:
        if name == FILE_DISCOVERY:
            report.fault(
                f"plugin type {shown(name)} counts only in the config that modelyard epp is given (--config-file,"
                " --config-text), and where dataLayer.discovery.pluginRef names it"
            )
            return
        state = "is known, but not implemented here" if name in NOT_IMPLEMENTED else "is unknown"
        report.fault(
            f"plugin type {shown(name)} {state}",
            allowed=sorted(IMPLEMENTED),
            suggestion="" if name in NOT_IMPLEMENTED else nearest(name, IMPLEMENTED),
        )

    def _check_references(self) -> None:
        """References whose plugins do nothing here must still exist."""
        layer, handler = self._epc.data_layer or self._epc.data, self._epc.request_handler
        if layer is not None:
            report = self.report.at("dataLayer")
            for index, source in enumerate(layer.sources):
                self._resolve(source.plugin_ref, report.at("sources", index, "pluginRef"))
                for place, extractor in enumerate(source.extractors):
                    self._resolve(extractor.plugin_ref, report.at("sources", index, "extractors", place, "pluginRef"))
            if layer.discovery is not None:
                report.at("discovery").fault(
                    "discovery plugins count only in the config that modelyard epp is given, and file-discovery alone"
                    " is implemented: use EndpointSlices, Pods or Services"
                )
            if layer.peer_discovery is not None or layer.cross_replica_syncer_plugin_ref is not None:
                report.at("peerDiscovery").fault("sharing state between gateways is not implemented: leave it out")
        if handler is not None:
            for index, parser in enumerate(handler.parsers):
                self._resolve(parser.plugin_ref, self.report.at("requestHandler", "parsers", index, "pluginRef"))

    def _parsers(self) -> frozenset[str]:
        """Types of those that are listed."""
        handler = self._epc.request_handler
        refs = [parser.plugin_ref for parser in handler.parsers] if handler is not None else []
        return frozenset(self._plugins[ref][0] for ref in refs if ref in self._plugins)

    def _resolve(self, ref: str, report: Report) -> tuple[str, Any] | None:
        """Type and parameters of a plugin by name; None where it is missing or was refused already."""
        plugin = self._plugins.get(ref)
        if plugin is None:
            report.fault(
                f"no plugin is named {shown(ref)}", allowed=self._plugins, suggestion=nearest(ref, self._plugins)
            )
            return None
        return plugin if plugin[0] else None

    def _profiles(self) -> tuple[ProfileConfig, ...]:
        listed = self._epc.scheduling_profiles
        if not listed:
            return (self._implicit_profile(),)
        names = [profile.name for profile in listed]
        if len(set(names)) != len(names):
            self.report.at("schedulingProfiles").fault("two profiles have the same name")
        return tuple(
            self._profile(profile.name, profile.plugins, self.report.at("schedulingProfiles", index))
            for index, profile in enumerate(listed)
        )

    def _implicit_profile(self) -> ProfileConfig:
        """Without profiles, all listed policies form one; without policies, the default one."""
        policies = [name for name, (type_, _) in self._plugins.items() if _is_policy(type_)]
        if not policies:
            return DEFAULT_PROFILE
        return self._profile("default", [SchedulingPlugin(plugin_ref=name) for name in policies], self.report)

    def _profile(self, name: str, plugins: Sequence[SchedulingPlugin], report: Report) -> ProfileConfig:
        filters: list[PluginConfig] = []
        scorers: list[PluginConfig] = []
        pickers: list[PickerConfig] = []
        for index, plugin in enumerate(plugins):
            at = report.at("plugins", index)
            found = self._resolve(plugin.plugin_ref, at.at("pluginRef"))
            if found is None:
                continue
            type_, parameters = found
            weight = 1.0 if plugin.weight is None else plugin.weight
            at.require(isfinite(weight) and 0 <= weight <= 1000, f"weight {shown(weight)} must be 0 to 1000")
            if type_ in FILTERS:
                filters.append(PluginConfig(name=plugin.plugin_ref, type=type_, parameters=parameters))
            if type_ in SCORERS:
                scorers.append(PluginConfig(name=plugin.plugin_ref, type=type_, parameters=parameters, weight=weight))
            if type_ in PICKERS:
                pickers.append(PickerConfig(name=plugin.plugin_ref, type=type_, parameters=parameters))
            if not _is_policy(type_):
                at.at("pluginRef").fault(
                    f"{type_} is no filter, scorer or picker and has no place in a profile",
                    allowed=sorted({*FILTERS, *SCORERS, *PICKERS}),
                )
        report.require(len(pickers) <= 1, f"profile {shown(name)} has several pickers; keep one")
        return ProfileConfig(
            name=name,
            filters=tuple(filters),
            scorers=tuple(scorers),
            picker=pickers[0] if pickers else _DEFAULT_PICKER,
        )

    def _profile_choice(self, profiles: Sequence[ProfileConfig]) -> tuple[str | None, str]:
        handlers = [
            (name, type_, parameters)
            for name, (type_, parameters) in self._plugins.items()
            if type_ in (SINGLE_PROFILE, HEADER_PROFILE)
        ]
        if len(handlers) > 1:
            names = ", ".join(name for name, _, _ in handlers)
            self.report.at("plugins").fault(f"there are several profile handlers ({names}); keep one")
        for _, type_, parameters in handlers:
            if type_ == HEADER_PROFILE:
                return self._by_header(parameters, profiles)
        if len(profiles) > 1:
            self.report.at("schedulingProfiles").fault(
                f"there are {len(profiles)} profiles and nothing chooses between them: add a header-profile-handler"
            )
        return None, ""

    def _by_header(
        self, parameters: HeaderProfileParameters, profiles: Sequence[ProfileConfig]
    ) -> tuple[str | None, str]:
        names = [profile.name for profile in profiles]
        if parameters.default_profile not in names:
            self.report.at("plugins").fault(
                f"the header-profile-handler's defaultProfile {shown(parameters.default_profile)} is no profile",
                allowed=names,
                suggestion=nearest(parameters.default_profile, names),
            )
        return parameters.header_name, parameters.default_profile

    def _prefix(self) -> PrefixSettings:
        producers = {
            name: parameters
            for name, (_, parameters) in self._plugins.items()
            if isinstance(parameters, PrefixProducerParameters)
        }
        if len(producers) > 1:
            self.report.at("plugins").fault(f"there are several {PREFIX_PRODUCER}s; a pool has one prefix index")
        self._check_producer_names(producers)
        for parameters in producers.values():
            return parameters.settings()
        return PrefixSettings()

    def _check_producer_names(self, producers: Mapping[str, PrefixProducerParameters]) -> None:
        for index, spec in enumerate(self._epc.plugins):
            parameters = self._plugins.get(spec.ref, ("", None))[1]
            if isinstance(parameters, (PrefixCacheParameters, PrefixCacheAffinityParameters)):
                name = parameters.prefix_match_info_producer_name
                if name and name not in (*producers, PREFIX_PRODUCER):
                    self.report.at("plugins", index, "parameters", "prefixMatchInfoProducerName").fault(
                        f"no {PREFIX_PRODUCER} is named {shown(name)}", allowed=producers
                    )


def _is_policy(type_: str) -> bool:
    return type_ in FILTERS or type_ in SCORERS or type_ in PICKERS
