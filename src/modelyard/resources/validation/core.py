"""Rules of Service, EndpointSlice, Secret and ConfigMap (Kubernetes core and discovery)."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter

from modelyard.resources.core import ConfigMap, Secret, Service
from modelyard.resources.discovery import EndpointSlice
from modelyard.resources.errors import shown
from modelyard.resources.faults import Report
from modelyard.resources.validation import formats
from modelyard.resources.validation.metadata import check_labels

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


def check_service(service: Service, report: Report) -> None:
    """Ports are distinct, and named where there are several."""
    spec = report.at("spec")
    check_labels(service.spec.selector, spec.at("selector"))
    if service.spec.type == "ExternalName":
        spec.at("externalName").require(bool(service.spec.external_name), "is required for type ExternalName")
        return
    ports = service.spec.ports
    headless = service.spec.cluster_ip == "None"
    spec.at("ports").require(bool(ports) or headless, "must have at least one port")
    names = Counter(port.name for port in ports)
    numbers = Counter((port.port, port.protocol) for port in ports)
    for index, port in enumerate(ports):
        place = spec.at("ports", index)
        place.at("port").check(formats.port(port.port))
        if port.target_port is not None:
            place.at("targetPort").check(formats.port_or_name(port.target_port))
        if port.name:
            place.at("name").check(formats.dns_label(port.name))
        if len(ports) > 1:
            place.at("name").require(bool(port.name), "is required where a Service has several ports")
        place.at("name").require(not port.name or names[port.name] == 1, f"{shown(port.name)} is there twice")
        place.require(numbers[port.port, port.protocol] == 1, "port and protocol are those of another port")


def check_endpoint_slice(slice_: EndpointSlice, report: Report) -> None:
    """Addresses fit the address type."""
    for index, endpoint in enumerate(slice_.endpoints):
        place = report.at("endpoints", index, "addresses")
        place.require(1 <= len(endpoint.addresses) <= 100, "must have 1 to 100 addresses")
        for number, address in enumerate(endpoint.addresses):
            place.at(number).check(_address(address, slice_.address_type))
    for index, port in enumerate(slice_.ports):
        if port.port is not None:
            report.at("ports", index, "port").check(formats.port(port.port))
    names = Counter(port.name for port in slice_.ports)
    for name, count in names.items():
        report.at("ports").require(count == 1, f"two ports have the name {shown(name)}")


def check_secret(secret: Secret, report: Report) -> None:
    for field, keys in (("data", secret.data), ("stringData", secret.string_data)):
        for key in keys:
            report.at(field, key).check(_data_key(key))


def check_config_map(config_map: ConfigMap, report: Report) -> None:
    for field, keys in (("data", config_map.data), ("binaryData", config_map.binary_data)):
        for key in keys:
            report.at(field, key).check(_data_key(key))
    for key in config_map.data.keys() & config_map.binary_data.keys():
        report.at("binaryData", key).fault("is a key of data too; remove one")


def _data_key(key: str) -> str | None:
    if _DATA_KEY.fullmatch(key) and key not in (".", "..") and not key.startswith("..data"):
        return None
    return f"{shown(key)} is no key: letters, digits, '-', '_' and '.', at most 253"


def _address(text: str, type_: str) -> str | None:
    if type_ == "FQDN":
        return formats.precise_hostname(text)
    try:
        version = ipaddress.ip_address(text).version
    except ValueError:
        return f"{shown(text)} is no IP address"
    return None if f"IPv{version}" == type_ else f"{shown(text)} does not fit addressType {type_}"
