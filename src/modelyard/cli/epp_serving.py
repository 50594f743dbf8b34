"""Which pools and endpoints the options of ``modelyard epp`` mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from modelyard.cli.backend_addresses import addresses_by_backend, addresses_given
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.manifests_option import print_errors, read_or_fail, split_pipe
from modelyard.cli.output import fail
from modelyard.control.ext_proc.discovery import BadDiscovery, FileDiscovery
from modelyard.control.ext_proc.serving import (
    MOST_PORTS,
    config_faults,
    config_from,
    discovery_of,
    new_pool,
    pool_of_addresses,
    served,
)
from modelyard.control.ext_proc.settings import ExtProcSettings
from modelyard.control.ext_proc.sources import AddressSource, EndpointsFileSource, ManifestSource, Source
from modelyard.fleet.fleet import BackendKey
from modelyard.manifests.reading import ReadResult
from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import LoadResult, load_documents

CONFIG_TEXT = "--config-text"
"""Origin of what that option holds."""
PoolKey = tuple[str, str]
"""Namespace and name."""
DEFAULT_POOL = "endpoints"
"""Name of the pool where neither a manifest nor the command line names one."""


class FailureMode(StrEnum):
    """``--failure-mode``, as in an InferencePool."""

    CLOSE = "FailClose"
    OPEN = "FailOpen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options, as given."""

    files: tuple[Path, ...] = ()
    pool_name: str = ""
    pool_namespace: str = "default"
    endpoints: tuple[str, ...] = ()
    selector: str = ""
    target_ports: str = ""
    failure_mode: FailureMode = FailureMode.CLOSE
    config_file: Path | None = None
    config_text: str = ""
    port: int = 9002
    """The picker's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What they mean."""

    paths: tuple[Path, ...]
    piped: LoadResult | None
    config_source: str
    pool: tuple[str, str] | None
    added_pools: tuple[InferencePool, ...]
    addresses: tuple[str, ...]
    """Endpoints of the only pool."""
    named: Mapping[PoolKey, tuple[str, ...]]
    """Endpoints of pools that were named with them."""
    read: ReadResult

    def sources(self, settings: ExtProcSettings) -> list[Source]:
        """Where resources and endpoints come from. Ends with a clear error where the config cannot be used."""
        sources: list[Source] = [ManifestSource(self.paths, self.piped, self.read)]
        if self.addresses:
            sources.append(AddressSource(self.addresses))
        sources += [AddressSource(addresses, key) for key, addresses in self.named.items()]
        discovery = _discovery(self.read, settings)
        faults = config_faults(served(self.read.resource_set, settings))
        if faults:
            fail("\n".join(faults), ExitCode.INVALID, next_step="docs/picking.md lists plugins and their parameters.")
        if discovery is not None:
            sources.append(_endpoints_file(discovery))
        return sources


def serving_of(asked: Asked) -> Serving:
    """Ends with a clear error for what cannot be meant."""
    files, piped = split_pipe(asked.files)
    config_source, piped = _config(asked, piped)
    paths = (*files, asked.config_file) if asked.config_file is not None else files
    read = read_or_fail(paths, piped)
    if config_source and config_from(read.resource_set, config_source) is None:
        fail(f"{config_source} has no EndpointPickerConfig.", ExitCode.INVALID)
    addresses, named = _addresses(asked, read)
    pool, added = _pools(asked, read, addresses, named, discovers=_discovers(read, config_source))
    return Serving(
        paths=paths,
        piped=piped,
        config_source=config_source,
        pool=pool,
        added_pools=added,
        addresses=addresses,
        named=named,
        read=read,
    )


def _config(asked: Asked, piped: LoadResult | None) -> tuple[str, LoadResult | None]:
    """Origin of the EndpointPickerConfig, and what is piped with it where it came as text."""
    if asked.config_file is not None and asked.config_text:
        fail("give --config-file or --config-text, not both.", ExitCode.USAGE)
    if asked.config_file is not None:
        return str(asked.config_file), piped
    if not asked.config_text:
        return "", piped
    loaded = load_documents(asked.config_text, CONFIG_TEXT)
    if piped is None:
        return CONFIG_TEXT, loaded
    together = LoadResult(objects=(*piped.objects, *loaded.objects), errors=(*piped.errors, *loaded.errors))
    return CONFIG_TEXT, together


def _addresses(asked: Asked, read: ReadResult) -> tuple[tuple[str, ...], Mapping[PoolKey, tuple[str, ...]]]:
    """Those without a pool's name, and those with one."""
    plain = [text for text in asked.endpoints if "=" not in text]
    addresses = dict.fromkeys(address for text in plain for address in addresses_given(text)[1])
    texts = [text for text in asked.endpoints if "=" in text]
    for text in texts:
        if ":" in text.partition("=")[0]:
            fail(
                f"--endpoint {text!r}: names a port of a Service, and the picker picks for InferencePools only.",
                ExitCode.USAGE,
                next_step="Leave it out here; modelyard envoy-config takes it.",
            )
    known = [pool_key(*key) for key in read.resource_set.inference_pools]
    if asked.pool_name or asked.selector or not known:
        known += _named_anew(asked, texts)
    named = addresses_by_backend(texts, known)
    return tuple(addresses), {(key.namespace, key.name): found for key, found in named.items()}


def _named_anew(asked: Asked, texts: Sequence[str]) -> Iterator[BackendKey]:
    """Pools that no manifest has, and that exist because the command line names them."""
    if asked.pool_name or asked.selector:
        yield pool_key(asked.pool_namespace, asked.pool_name or DEFAULT_POOL)
        return
    for text in texts:
        namespace, _, name = text.partition("=")[0].rpartition("/")
        if name and "/" not in namespace:
            yield pool_key(namespace or "default", name)


def pool_key(namespace: str, name: str) -> BackendKey:
    """An InferencePool as the fleet names it."""
    return BackendKey(kind="InferencePool", namespace=namespace, name=name)


def _discovers(read: ReadResult, config_source: str) -> bool:
    """Whether the config that is given names a source of endpoints."""
    config = config_from(read.resource_set, config_source) if config_source else None
    return config is not None and config.data_layer is not None and config.data_layer.discovery is not None


def _pools(
    asked: Asked,
    read: ReadResult,
    addresses: tuple[str, ...],
    named: Mapping[PoolKey, tuple[str, ...]],
    *,
    discovers: bool,
) -> tuple[PoolKey | None, tuple[InferencePool, ...]]:
    """The only pool, None for all there are; and the pools that are to be added to the manifests."""
    pools = read.resource_set.inference_pools
    if asked.selector or asked.target_ports or asked.pool_name:
        key = (asked.pool_namespace, asked.pool_name or DEFAULT_POOL)
        _refuse_others(key, named)
        return key, _added(asked, key, pools, (*addresses, *named.get(key, ())), discovers=discovers, read=read)
    if named and addresses:
        fail(
            "--endpoint: some addresses are of a pool, others of none.",
            ExitCode.USAGE,
            next_step="Write each as [NAMESPACE/]POOL=IP:PORT.",
        )
    if named:
        return None, tuple(_by_address(asked, key, found) for key, found in named.items() if key not in pools)
    if addresses or discovers:
        if len(pools) == 1:
            return next(iter(pools)), ()
        if addresses and pools:
            fail(
                "--endpoint: the manifests have several InferencePools.",
                ExitCode.USAGE,
                next_step=f"Write POOL=IP:PORT (pools: {_listed(pools)}), or serve one of them alone: --pool-name.",
            )
        if not pools:
            key = (asked.pool_namespace, DEFAULT_POOL)
            return key, (_by_address(asked, key, addresses),)
    if not pools:
        _fail_without_pools(asked, read)
    return None, ()


def _added(
    asked: Asked,
    key: PoolKey,
    pools: Collection[PoolKey],
    addresses: tuple[str, ...],
    *,
    discovers: bool,
    read: ReadResult,
) -> tuple[InferencePool, ...]:
    """The one pool that is served, where the manifests do not describe it."""
    fails_open = asked.failure_mode is FailureMode.OPEN
    if asked.selector or asked.target_ports:
        labels, ports = _labels(asked.selector), _target_ports(asked.target_ports)
        return (new_pool(*key, labels, ports, fail_open=fails_open, port=asked.port),)
    if key in pools:
        return ()
    if not (addresses or discovers):
        _fail_without_pool(key, read)
    return (_by_address(asked, key, addresses),)


def _by_address(asked: Asked, key: PoolKey, addresses: tuple[str, ...]) -> InferencePool:
    return pool_of_addresses(*key, addresses, fail_open=asked.failure_mode is FailureMode.OPEN, port=asked.port)


def _refuse_others(key: PoolKey, named: Collection[PoolKey]) -> None:
    for other in named:
        if other != key:
            fail(
                f"--endpoint: {'/'.join(other)} is not served, only {'/'.join(key)} is.",
                ExitCode.USAGE,
                next_step="Leave it out, or leave out --pool-name to serve every pool.",
            )


def _fail_without_pools(asked: Asked, read: ReadResult) -> NoReturn:
    if not asked.files:
        fail(
            "say what to serve: -f FILE_OR_FOLDER with InferencePools and Pods, or --endpoint IP:PORT.", ExitCode.USAGE
        )
    step = "Add them with -f, or give --endpoint [NAMESPACE/]POOL=IP:PORT."
    if read.resource_set.http_routes:
        step = (
            "Their routes lead to Services: nobody picks for those. Where they match a model, modelyard bbr is what"
            f" they need. For a pool: {step[0].lower()}{step[1:]}"
        )
    fail("say what to serve: the manifests have no InferencePool.", ExitCode.USAGE, next_step=step)


def _fail_without_pool(key: tuple[str, str], read: ReadResult) -> NoReturn:
    pools = read.resource_set.inference_pools
    fail(
        f"the manifests have no InferencePool {'/'.join(key)}; there is: {_listed(pools) or 'none'}.",
        ExitCode.INVALID,
        next_step="Name one of them (--pool-name, --pool-namespace), add it with -f, or give --endpoint IP:PORT.",
    )


def _listed(pools: Iterable[PoolKey]) -> str:
    return ", ".join("/".join(item) for item in pools)


def _labels(text: str) -> dict[str, str]:
    """Equality-based label selector."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or not all(name.strip() and equals for name, equals, _ in pairs):
        fail(f"--endpoint-selector {text!r}: write KEY=VALUE[,KEY=VALUE...].", ExitCode.USAGE)
    return {name.strip(): value.lstrip("=").strip() for name, _, value in pairs}


def _target_ports(text: str) -> list[int]:
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if not 0 < len(numbers) <= MOST_PORTS or not all(0 < number < 65536 for number in numbers):
        fail(f"--endpoint-target-ports {text!r}: give 1 to 8 port numbers with commas.", ExitCode.USAGE)
    return numbers


def _discovery(read: ReadResult, settings: ExtProcSettings) -> FileDiscovery | None:
    try:
        return discovery_of(read.resource_set, settings)
    except BadDiscovery as problem:
        fail(f"{settings.config_source}: {problem}.", ExitCode.INVALID)


def _endpoints_file(discovery: FileDiscovery) -> EndpointsFileSource:
    source = EndpointsFileSource(discovery)
    if source.latest.errors:
        print_errors(source.latest.errors)
    return source
