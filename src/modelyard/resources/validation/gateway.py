"""Rules of GatewayClass, Gateway and ReferenceGrant (Gateway API ``gateway_types.go``)."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.gateway import (
    AllowedRoutes,
    Gateway,
    GatewayClass,
    GatewaySpecAddress,
    Listener,
    ListenerTLSConfig,
)
from modelyard.resources.reference_grant import ReferenceGrant
from modelyard.resources.validation import formats
from modelyard.resources.validation.metadata import check_selector
from modelyard.resources.validation.references import check_reference

PROTOCOLS = ("HTTP", "HTTPS", "TLS", "TCP", "UDP")
_OTHER_PROTOCOL = re.compile(
    r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+"
)
"""Well-formed names; a listener with one that is not served gets the condition UnsupportedProtocol."""


def check_gateway_class(gateway_class: GatewayClass, report: Report) -> None:
    report.at("spec", "controllerName").check(formats.controller_name(gateway_class.spec.controller_name))


def check_gateway(gateway: Gateway, report: Report) -> None:
    """Listeners have names and (port, protocol, hostname) of their own, and TLS fits their protocol."""
    spec = report.at("spec")
    spec.at("gatewayClassName").check(formats.object_name(gateway.spec.gateway_class_name))
    listeners = gateway.spec.listeners
    spec.at("listeners").require(1 <= len(listeners) <= 64, "must have 1 to 64 listeners")
    for index, listener in enumerate(listeners):
        _check_listener(listener, spec.at("listeners", index))
    _check_distinct(listeners, spec.at("listeners"))
    spec.at("addresses").require(len(gateway.spec.addresses) <= 16, "must have at most 16 addresses")
    for index, address in enumerate(gateway.spec.addresses):
        _check_address(address, spec.at("addresses", index))


def check_reference_grant(grant: ReferenceGrant, report: Report) -> None:
    spec = report.at("spec")
    spec.at("from").require(1 <= len(grant.spec.from_) <= 16, "must have 1 to 16 entries")
    spec.at("to").require(1 <= len(grant.spec.to) <= 16, "must have 1 to 16 entries")
    for index, source in enumerate(grant.spec.from_):
        place = spec.at("from", index)
        place.at("group").check(formats.group(source.group))
        place.at("kind").check(formats.kind(source.kind))
        place.at("namespace").check(formats.dns_label(source.namespace))
    for index, target in enumerate(grant.spec.to):
        place = spec.at("to", index)
        place.at("group").check(formats.group(target.group))
        place.at("kind").check(formats.kind(target.kind))


def _check_listener(listener: Listener, report: Report) -> None:
    report.at("name").check(formats.dns_subdomain(listener.name))
    report.at("port").check(formats.port(listener.port))
    _check_protocol(listener.protocol, report.at("protocol"))
    if listener.hostname is not None:
        _check_listener_hostname(listener, report.at("hostname"))
    if listener.tls is not None:
        _check_tls(listener.protocol, listener.tls, report.at("tls"))
    elif listener.protocol == "TLS":
        report.at("tls").fault("is required for protocol TLS and missing")
    _check_allowed_routes(listener.allowed_routes, report.at("allowedRoutes"))


def _check_protocol(protocol: str, report: Report) -> None:
    misspelt = protocol.upper() in PROTOCOLS or not _OTHER_PROTOCOL.fullmatch(protocol)
    if protocol not in PROTOCOLS and misspelt:
        report.fault(f"{shown(protocol)} is not valid here", allowed=PROTOCOLS, suggestion=nearest(protocol, PROTOCOLS))


def _check_listener_hostname(listener: Listener, report: Report) -> None:
    if listener.protocol in ("TCP", "UDP"):
        report.fault(f"must not be set for protocol {listener.protocol}")
    report.check(formats.hostname(listener.hostname or ""))


def _check_tls(protocol: str, tls: ListenerTLSConfig, report: Report) -> None:
    if protocol in ("HTTP", "TCP", "UDP"):
        report.fault(f"must not be set for protocol {protocol}; HTTPS takes certificates")
    if protocol == "HTTPS" and tls.mode != "Terminate":
        report.at("mode").fault("must be Terminate for protocol HTTPS")
    if tls.mode == "Terminate" and not tls.certificate_refs and not tls.options:
        report.at("certificateRefs").fault("is required for mode Terminate and missing")
    report.at("certificateRefs").require(len(tls.certificate_refs) <= 64, "must have at most 64 entries")
    for index, reference in enumerate(tls.certificate_refs):
        check_reference(reference, report.at("certificateRefs", index))


def _check_allowed_routes(allowed: AllowedRoutes, report: Report) -> None:
    namespaces = allowed.namespaces
    if namespaces.from_ == "None":
        report.at("namespaces", "from").fault("'None' is not valid here", allowed=("All", "Selector", "Same"))
    if namespaces.from_ == "Selector" and namespaces.selector is None:
        report.at("namespaces", "selector").fault("is required for from: Selector and missing")
    if namespaces.selector is not None:
        check_selector(namespaces.selector, report.at("namespaces", "selector"))
    report.at("kinds").require(len(allowed.kinds) <= 8, "must have at most 8 kinds")
    for index, kind in enumerate(allowed.kinds):
        report.at("kinds", index, "group").check(formats.group(kind.group))
        report.at("kinds", index, "kind").check(formats.kind(kind.kind))


def _check_distinct(listeners: tuple[Listener, ...], report: Report) -> None:
    names = Counter(listener.name for listener in listeners)
    sockets = Counter((listener.port, listener.protocol, listener.hostname) for listener in listeners)
    for index, listener in enumerate(listeners):
        if names[listener.name] > 1:
            report.at(index, "name").fault(f"{shown(listener.name)} is the name of two listeners")
        if sockets[listener.port, listener.protocol, listener.hostname] > 1:
            report.at(index).fault("port, protocol and hostname are those of another listener; change one")


def _check_address(address: GatewaySpecAddress, report: Report) -> None:
    if not address.value:
        return
    if address.type == "Hostname":
        report.at("value").check(formats.hostname(address.value))
    elif address.type == "IPAddress":
        try:
            ipaddress.ip_address(address.value)
        except ValueError:
            report.at("value").fault(f"{shown(address.value)} is no IP address")
