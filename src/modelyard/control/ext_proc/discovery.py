"""Plugin ``file-discovery`` of an EndpointPickerConfig: endpoints from a file instead of Kubernetes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelyard.fleet.pod_endpoints import address_of
from modelyard.picking.ecosystem import FILE_DISCOVERY
from modelyard.resources.documents import read_documents
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.errors import ResourceError

MAX_BYTES = 1024 * 1024
"""Size of the file, as in the reference implementation."""


class FileDiscovery(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Parameters of ``file-discovery``."""

    path: str
    """Absolute."""
    watch_file: bool = False


class ListedEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint that is named by its address."""

    address: str
    """``ip:port``."""
    name: str = ""
    namespace: str = "default"
    labels: Mapping[str, str] = {}
    pool: tuple[str, str] | None = None
    """Namespace and name of the InferencePool that it is given for; None: labels and port decide."""


class BadDiscovery(ValueError):
    """A ``dataLayer.discovery`` that cannot be followed; the message says why."""


def without_discovery(config: EndpointPickerConfig) -> tuple[EndpointPickerConfig, FileDiscovery | None]:
    """The config without its discovery plugin, and what that plugin asks for. Raises :class:`BadDiscovery`."""
    layer = config.data_layer
    named = layer.discovery.plugin_ref if layer is not None and layer.discovery is not None else ""
    plugin = next((item for item in config.plugins if item.ref == named), None)
    if layer is None or plugin is None or plugin.type != FILE_DISCOVERY:
        return config, None
    try:
        discovery = msgspec.convert(plugin.parameters, FileDiscovery)
    except msgspec.ValidationError as error:
        raise BadDiscovery(f"plugin {plugin.ref} ({FILE_DISCOVERY}): {error}") from None
    if not Path(discovery.path).is_absolute():
        raise BadDiscovery(f"plugin {plugin.ref} ({FILE_DISCOVERY}): path {discovery.path!r} must be absolute")
    rest = tuple(item for item in config.plugins if item is not plugin)
    return (
        msgspec.structs.replace(config, plugins=rest, data_layer=msgspec.structs.replace(layer, discovery=None)),
        discovery,
    )


def read_endpoints(path: str) -> tuple[tuple[ListedEndpoint, ...], tuple[ResourceError, ...]]:
    """The endpoints of a file, and what is wrong with single entries: those are left out and the others count, as in
    the reference implementation. Raises ValueError where the file as a whole cannot be used."""
    found: dict[str, ListedEndpoint] = {}
    errors: list[ResourceError] = []
    for index, entry in enumerate(_entries(path)):
        try:
            endpoint = _endpoint(entry)
        except ValueError as problem:
            errors.append(ResourceError(source=path, path=f"endpoints[{index}]", message=str(problem)))
        else:
            found.setdefault(endpoint.address, endpoint)
    return tuple(found.values()), tuple(errors)


def _entries(path: str) -> list[Any]:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as problem:
        raise ValueError(f"cannot be read: {problem.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ValueError("is larger than 1 MiB")
    documents = read_documents(content.decode(errors="replace"), path)
    if documents and documents[0].faults:
        raise ValueError(documents[0].faults[0].message)
    value = documents[0].value if documents else None
    entries = value.get("endpoints") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise ValueError("must be a mapping with a list of `endpoints`")
    return entries


class _Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    namespace: str = "default"
    address: str
    port: str | int
    """A string in the reference implementation; a number means the same."""
    labels: dict[str, str] = {}


def _endpoint(entry: Any) -> ListedEndpoint:
    """Raises ValueError."""
    try:
        read = msgspec.convert(entry, _Entry)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    host = f"[{read.address}]" if ":" in read.address else read.address
    address = endpoint_address(f"{host}:{read.port}")
    return ListedEndpoint(address=address, name=read.name, namespace=read.namespace, labels=read.labels)


def endpoint_address(text: str) -> str:
    """``ip:port`` in its one spelling. Raises ValueError: proxies are told addresses, never names."""
    host, _, port = text.strip().rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port) if port.isascii() and port.isdigit() else 0
    except ValueError:
        raise ValueError(f"{text!r} is not IP:PORT (a proxy is told addresses, never host names)") from None
    if not 0 < number < 65536:
        raise ValueError(f"{text!r}: the port must be a number from 1 to 65535")
    return address_of(str(address), number)


def addresses_of(texts: Iterable[str]) -> tuple[str, ...]:
    """All addresses of ``--endpoint`` options, each a list with commas. Raises ValueError."""
    return tuple(dict.fromkeys(endpoint_address(part) for text in texts for part in text.split(",") if part.strip()))
