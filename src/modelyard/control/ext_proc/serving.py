"""What is served of the resources that the sources have: the pool that is asked for, and the configuration that the
command line gives instead of that in manifests. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from os.path import abspath

import msgspec

from modelyard.control.ext_proc.discovery import BadDiscovery, FileDiscovery, without_discovery
from modelyard.control.ext_proc.settings import ExtProcSettings
from modelyard.control.ext_proc.staleness import with_staleness
from modelyard.picking.config import ConfigError, scheduler_config
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.helm import BodyBasedRouter, BodyBasedRouterValues
from modelyard.resources.inference import (
    POOL_GROUP,
    EndpointPickerPort,
    EndpointPickerRef,
    InferencePool,
    InferencePoolSpec,
    PoolSelector,
    TargetPort,
)
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import picker_config_of

_MOST_NAMED = 3
MOST_PORTS = 8
"""Target ports of an InferencePool."""
ADDRESSES_LABEL = {"modelyard.dev/endpoints": "by-address"}
"""What a pool selects whose endpoints are named one by one: no Pod."""


def served(written: ResourceSet, settings: ExtProcSettings) -> ResourceSet:
    """``written`` as this process serves it."""
    objects = [item for item in written if not _replaced(item, settings)]
    config = given_config(written, settings)
    if config is not None:
        objects.append(_for_every_pool(config))
    if settings.plugins:
        objects.append(BodyBasedRouterValues(bbr=BodyBasedRouter(plugins=settings.plugins)))
    for added in settings.added_pools:
        if (added.metadata.namespace, added.metadata.name) not in written.inference_pools:
            objects.append(added)
    if settings.stale_seconds is not None:
        objects = with_staleness(objects, settings.stale_seconds)
    resources, _ = ResourceSet.of(objects)
    if settings.pool is None:
        return resources
    only = {key: pool for key, pool in resources.inference_pools.items() if key == settings.pool}
    return msgspec.structs.replace(resources, inference_pools=only)


def _replaced(item: object, settings: ExtProcSettings) -> bool:
    """Whether the command line gives something in place of this object."""
    if isinstance(item, EndpointPickerConfig):
        return bool(settings.config_source)
    return isinstance(item, BodyBasedRouterValues) and bool(settings.plugins)


def given_config(written: ResourceSet, settings: ExtProcSettings) -> EndpointPickerConfig | None:
    """The EndpointPickerConfig of ``--config-file`` or ``--config-text``; None: there is none."""
    return config_from(written, settings.config_source) if settings.config_source else None


def config_from(written: ResourceSet, source: str) -> EndpointPickerConfig | None:
    """The EndpointPickerConfig that was read at ``source``, under whatever spelling of its path."""
    place = abspath(source)
    found = (item for item in written.endpoint_picker_configs.values() if abspath(item.origin.source) == place)
    return next(found, None)


def discovery_of(written: ResourceSet, settings: ExtProcSettings) -> FileDiscovery | None:
    """The file of endpoints that the given config names. Raises :class:`BadDiscovery`."""
    config = given_config(written, settings)
    return without_discovery(config)[1] if config is not None else None


def _for_every_pool(config: EndpointPickerConfig) -> EndpointPickerConfig:
    """As every pool finds it that has none of its own, and there are no others."""
    with suppress(BadDiscovery):  # the picking layer, which knows no discovery, refuses it
        config, _ = without_discovery(config)
    return msgspec.structs.replace(config, metadata=ObjectMeta(name="default", namespace="default"))


def config_faults(resources: ResourceSet) -> tuple[str, ...]:
    """What is wrong with the EndpointPickerConfigs of the pools, one sentence for each fault, however many pools have
    it."""
    faults: dict[tuple[str, str], list[str]] = {}
    for namespace, name in resources.inference_pools:
        config = picker_config_of(resources, namespace, name)
        try:
            scheduler_config(config)
        except ConfigError as error:
            origin = config.origin.source if config is not None else ""
            faults.setdefault((origin, str(error)), []).append(f"{namespace}/{name}")
    return tuple(
        f"{origin}: EndpointPickerConfig of InferencePool {_listed(pools)}: {error}"
        for (origin, error), pools in faults.items()
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def pool_of_addresses(
    namespace: str, name: str, addresses: Sequence[str], *, fail_open: bool, port: int
) -> InferencePool:
    """A pool for endpoints that are named by address. ``port``: the picker's own."""
    ports = dict.fromkeys(int(address.rpartition(":")[2]) for address in addresses)
    return new_pool(
        namespace, name, ADDRESSES_LABEL, list(ports)[:MOST_PORTS] or [8000], fail_open=fail_open, port=port
    )


def new_pool(
    namespace: str, name: str, labels: dict[str, str], ports: Iterable[int], *, fail_open: bool, port: int
) -> InferencePool:
    """A pool that only the command line describes."""
    return InferencePool(
        api_version=f"{POOL_GROUP}/v1",
        kind="InferencePool",
        metadata=ObjectMeta(namespace=namespace, name=name),
        spec=InferencePoolSpec(
            selector=PoolSelector(match_labels=labels),
            target_ports=tuple(TargetPort(number=number) for number in ports),
            endpoint_picker_ref=EndpointPickerRef(
                name=f"{name}-epp",
                port=EndpointPickerPort(number=port),
                failure_mode="FailOpen" if fail_open else "FailClose",
            ),
        ),
    )
