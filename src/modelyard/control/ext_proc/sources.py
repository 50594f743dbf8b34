"""Where resources and endpoints come from. Another source (the Kubernetes API) is another class with these methods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from modelyard.control.ext_proc.discovery import FileDiscovery, ListedEndpoint, read_endpoints
from modelyard.fleet.discovery import UrlEndpoint
from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.manifests.reading import ReadResult
from modelyard.manifests.watching import watch_manifests
from modelyard.resources.errors import ResourceError
from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import LoadResult
from modelyard.resources.resource_set import ResourceSet


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a source knows now; replaced whole."""

    resources: ResourceSet = ResourceSet()
    endpoints: tuple[ListedEndpoint, ...] = ()
    """Endpoints that no object stands for."""
    errors: tuple[ResourceError, ...] = ()
    """What is wrong at the source, to be told."""
    withheld: bool = False
    """Because of the errors nothing of this may be put in force; otherwise what is wrong was left out."""


class Source(Protocol):
    """One place that resources or endpoints come from."""

    latest: Listing
    """What it knew when it was last asked."""

    async def follow(self, changed: Callable[[], None]) -> None:
        """Keep ``latest`` up to date and call ``changed`` after each change. Runs until it is cancelled."""
        ...


class ManifestSource:
    """Manifest files and folders."""

    def __init__(self, paths: Sequence[object], piped: LoadResult | None, first: ReadResult) -> None:
        self._paths = [str(path) for path in paths]
        self._piped, self._last = piped, first
        self.latest = _listing(first)

    async def follow(self, changed: Callable[[], None]) -> None:
        def take(read: ReadResult) -> None:
            self._last, self.latest = read, _listing(read)
            changed()

        await watch_manifests(self._paths, take, last=self._last, extra=self._piped)


def _listing(read: ReadResult) -> Listing:
    return Listing(resources=read.resource_set, errors=read.errors, withheld=bool(read.errors))


class AddressSource:
    """Addresses of the command line: endpoints of one pool, for ever. ``pool``: None where it is the only one."""

    def __init__(self, addresses: Sequence[str], pool: tuple[str, str] | None = None) -> None:
        distinct = dict.fromkeys(addresses)
        self.latest = Listing(endpoints=tuple(ListedEndpoint(address=address, pool=pool) for address in distinct))

    async def follow(self, changed: Callable[[], None]) -> None:
        await asyncio.Event().wait()


class EndpointsFileSource:
    """The file of plugin ``file-discovery``."""

    _LOOK_SECONDS = 1.0
    """A rename, a symlink that is swapped, a file that comes later: a look a second sees them all."""

    def __init__(self, discovery: FileDiscovery) -> None:
        self._discovery = discovery
        self.latest = Listing()
        self.latest = self._read()

    async def follow(self, changed: Callable[[], None]) -> None:
        while self._discovery.watch_file:
            await asyncio.sleep(self._LOOK_SECONDS)
            found = await asyncio.to_thread(self._read)
            if found != self.latest:
                self.latest = found
                changed()
        await asyncio.Event().wait()

    def _read(self) -> Listing:
        """The file as it is now; where it cannot be used, the endpoints that it had before."""
        try:
            endpoints, errors = read_endpoints(self._discovery.path)
        except ValueError as problem:
            error = ResourceError(source=self._discovery.path, message=str(problem))
            return Listing(endpoints=self.latest.endpoints, errors=(error,))
        return Listing(endpoints=endpoints, errors=errors)


def of_pools(
    listed: Iterable[ListedEndpoint], pools: Iterable[InferencePool], only: tuple[str, str] | None
) -> list[UrlEndpoint]:
    """Listed endpoints as endpoints of pools: all are of the ``only`` pool; without one, of the pool that they are
    given for while there is such a pool, else of each pool whose namespace, labels and port are theirs."""
    found: list[UrlEndpoint] = []
    for endpoint in listed:
        for pool in pools if only is None else ():
            if _selects(pool, endpoint):
                found.append(_of(endpoint, pool.metadata.namespace, pool.metadata.name))
        if only is not None:
            found.append(_of(endpoint, *only))
    return found


def _selects(pool: InferencePool, endpoint: ListedEndpoint) -> bool:
    if endpoint.pool is not None:
        return endpoint.pool == (pool.metadata.namespace, pool.metadata.name)
    pod = PodEndpoint(name=endpoint.name, namespace=endpoint.namespace, ip="", labels=endpoint.labels)
    labels = pool.spec.selector.match_labels
    return (
        pool.metadata.namespace == pod.namespace
        and labels.items() <= pod.labels.items()
        and any(endpoint.address.endswith(f":{port.number}") for port in pool.spec.target_ports)
    )


def _of(endpoint: ListedEndpoint, namespace: str, name: str) -> UrlEndpoint:
    return UrlEndpoint(
        backend=BackendKey(kind="InferencePool", namespace=namespace, name=name),
        address=endpoint.address,
        name=endpoint.name,
        namespace=endpoint.namespace,
        labels=endpoint.labels,
    )
