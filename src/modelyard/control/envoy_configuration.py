"""Envoy's configuration of manifests: which addresses, which endpoints; and the files it consists of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from modelyard.control.addresses import Binding
from modelyard.envoy.api import Config
from modelyard.envoy.edge import Edge, Models, edge
from modelyard.envoy.listeners import certificate_files
from modelyard.envoy.pools import Pool, PoolEndpoint
from modelyard.envoy.settings import Address, EdgeSettings
from modelyard.fleet.backends import BackendSpec
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Snapshot

EndpointTable = Mapping[BackendKey, tuple[PoolEndpoint, ...]]


def edge_of(
    snapshot: Snapshot,
    resources: ResourceSet,
    bindings: Iterable[Binding],
    settings: EdgeSettings,
    endpoints: EndpointTable,
    models: Models | None = None,
) -> Edge:
    """Envoy's resources for what is in force."""
    addresses = [Address(group=item.group, host=item.host, port=item.local_port) for item in bindings]
    return edge(snapshot, resources, addresses, settings, endpoints, models)


def written_endpoints(backends: Mapping[BackendKey, BackendSpec]) -> EndpointTable:
    """The endpoints that the manifests name, with the checks that HealthCheckPolicies and readiness probes ask for."""
    return {
        key: tuple(PoolEndpoint(item.endpoint.address, item.ready, item.health) for item in backend.endpoints)
        for key, backend in backends.items()
    }


def with_addresses(table: EndpointTable, given: Mapping[BackendKey, Sequence[str]]) -> EndpointTable:
    """``table`` with addresses that are given beside it; one that it has already stays as it is."""
    found = dict(table)
    for key, addresses in given.items():
        there = found.get(key, ())
        known = {item.address for item in there}
        found[key] = (*there, *(PoolEndpoint(address) for address in addresses if address not in known))
    return found


def fleet_endpoints(backends: Mapping[BackendKey, BackendSpec], fleet: Fleet) -> EndpointTable:
    """The endpoints that there are, and which of them are known to be ready."""
    ready = {
        key: {state.endpoint.address for state in found.endpoints if state.ready}
        for key, found in fleet.backends.items()
    }
    return {
        key: tuple(
            PoolEndpoint(item.endpoint.address, item.endpoint.address in ready.get(key, ()))
            for item in backend.endpoints
        )
        for key, backend in backends.items()
    }


def write_certificates(made: Edge, folder: Path) -> Sequence[Path]:
    """Key pairs of HTTPS listeners as files, keys for this user alone; returns the keys' paths. Raises OSError."""
    if made.certificates:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys: list[Path] = []
    for certificate in made.certificates:
        chain, key = (Path(name) for name in certificate_files(certificate, str(folder)))
        replace_file(chain, certificate.cert_pem)
        replace_file(key, certificate.key_pem, mode=0o600)
        keys.append(key)
    return keys


def write_config(path: Path, config: Config) -> bool:
    """Write a watched file unless it is there as it should be; True: it changed. Raises OSError."""
    return replace_file(path, json.dumps(config, separators=(",", ":")).encode())


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> bool:
    """Replace a file by renaming, so that a reader sees the old one or the new one. False: nothing to do."""
    if path.exists() and path.read_bytes() == data:
        return False
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    new.replace(path)
    return True


def without_endpoints(made: Edge, endpoints: EndpointTable) -> Sequence[Pool]:
    """Backends that no endpoint is known of."""
    return [pool for pool in made.pools if not endpoints.get(pool.key)]
