"""The state of one Gateway and its listeners: what is accepted, what conflicts, what can be bound."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelyard.resources.gateway import Gateway, GatewaySpecAddress, Listener
from modelyard.resources.references import GATEWAY_GROUP
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing import hostnames
from modelyard.routing import listeners as bound
from modelyard.routing.certificates import resolve_certificates
from modelyard.routing.conditions import Fault, joined
from modelyard.routing.references import Grants

_PROTOCOLS = ("HTTP", "HTTPS")


@dataclass(slots=True, frozen=True, eq=False)
class ListenerState:
    """One listener of a Gateway as the manifest has it, and what is wrong with it."""

    spec: Listener
    takes_routes: bool
    """Whether HTTPRoutes may attach by kind."""
    fault: Fault | None = None
    """Not accepted, whatever else."""
    conflict: Fault | None = None
    reference_fault: Fault | None = None
    certificates: tuple[bound.Certificate, ...] = ()
    overlaps: tuple[str, ...] = ()
    """Names of HTTPS listeners on the same port whose hostnames overlap with this one's."""

    @property
    def hostname(self) -> str:
        return (self.spec.hostname or "").lower()

    @property
    def accepted_fault(self) -> Fault | None:
        return self.fault or self.conflict

    @property
    def programmed_fault(self) -> Fault | None:
        """Why there is nothing to bind; None: it serves."""
        if self.accepted_fault is not None:
            return self.conflict or Fault("Invalid", "the listener is not accepted")
        if not self.takes_routes or (self.spec.protocol == "HTTPS" and not self.certificates):
            return Fault("Invalid", "the listener's references are not resolved")
        return None


@dataclass(slots=True, frozen=True, eq=False)
class GatewayState:
    """One Gateway that is ours."""

    gateway: Gateway
    listeners: tuple[ListenerState, ...]
    fault: Fault | None = None
    """The whole Gateway is not accepted."""
    address_fault: Fault | None = None
    """Accepted, but an address that it asks for cannot be used."""

    @property
    def key(self) -> tuple[str, str]:
        return self.gateway.metadata.namespace, self.gateway.metadata.name

    def usable(self) -> Iterator[ListenerState]:
        """The listeners that can be bound."""
        if self.fault is None:
            yield from (state for state in self.listeners if state.programmed_fault is None)

    def bound(self, state: ListenerState) -> bound.Listener:
        """A usable listener as the data path needs it."""
        namespace, name = self.key
        return bound.Listener(
            namespace=namespace,
            gateway=name,
            name=state.spec.name,
            port=state.spec.port,
            protocol="HTTPS" if state.spec.protocol == "HTTPS" else "HTTP",
            hostname=state.hostname,
            addresses=tuple(address.value for address in self.gateway.spec.addresses if address.value),
            certificates=state.certificates,
        )


def gateway_state(gateway: Gateway, resources: ResourceSet, grants: Grants) -> GatewayState:
    """Check a Gateway and its listeners."""
    states = [_listener_state(gateway, listener, resources, grants) for listener in gateway.spec.listeners]
    states = [replace(state, conflict=_conflict(state, states), overlaps=_overlaps(state, states)) for state in states]
    return GatewayState(
        gateway=gateway,
        listeners=tuple(states),
        fault=_gateway_fault(gateway) or _listeners_fault(states),
        address_fault=_address_fault(gateway.spec.addresses),
    )


def _gateway_fault(gateway: Gateway) -> Fault | None:
    for address in gateway.spec.addresses:
        if address.type != "IPAddress":
            return Fault("UnsupportedAddress", f"address type {address.type} is not supported; use IPAddress or none")
    infrastructure = gateway.spec.infrastructure
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        reference = infrastructure.parameters_ref
        return Fault(
            "InvalidParameters",
            f"infrastructure.parametersRef to {reference.kind} {reference.name} is not supported; remove it",
        )
    return None


def _listeners_fault(states: Sequence[ListenerState]) -> Fault | None:
    if any(state.accepted_fault is None for state in states):
        return None
    return Fault("ListenersNotValid", "no listener is accepted; their conditions say why")


def _address_fault(addresses: Sequence[GatewaySpecAddress]) -> Fault | None:
    for address in addresses:
        if address.value and not _is_ip(address.value):
            return Fault("AddressNotUsable", f"{address.value!r} is not an IP address")
    return None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _listener_state(gateway: Gateway, listener: Listener, resources: ResourceSet, grants: Grants) -> ListenerState:
    fault = _listener_fault(gateway, listener)
    if fault is not None and fault.reason == "UnsupportedProtocol":
        return ListenerState(listener, takes_routes=False, fault=fault)
    takes_routes, faults = _route_kinds(listener)
    certificates: tuple[bound.Certificate, ...] = ()
    if listener.protocol == "HTTPS":
        certificates, certificate_faults = resolve_certificates(gateway, listener, resources, grants)
        faults = certificate_faults + faults
    return ListenerState(
        listener,
        takes_routes=takes_routes,
        fault=fault,
        reference_fault=joined(faults),
        certificates=certificates,
    )


def _listener_fault(gateway: Gateway, listener: Listener) -> Fault | None:
    if listener.protocol not in _PROTOCOLS:
        return Fault("UnsupportedProtocol", f"protocol {listener.protocol} is not supported; use HTTP or HTTPS")
    tls = listener.tls
    if listener.protocol == "HTTP":
        return None if tls is None else Fault("UnsupportedValue", "tls has no meaning with protocol HTTP")
    if tls is not None and tls.mode == "Passthrough":
        return Fault("UnsupportedValue", "tls.mode Passthrough is not supported with HTTPS; use Terminate")
    if _wants_client_certificates(gateway, listener.port):
        return Fault(
            "UnsupportedValue",
            "client certificates (spec.tls.frontend) are not supported; remove the setting",
        )
    return None


def _wants_client_certificates(gateway: Gateway, port: int) -> bool:
    frontend = gateway.spec.tls.frontend if gateway.spec.tls is not None else None
    if frontend is None:
        return False
    for override in frontend.per_port:
        if override.port == port:
            return override.tls.validation is not None
    return frontend.default.validation is not None


def _route_kinds(listener: Listener) -> tuple[bool, list[Fault]]:
    """Whether HTTPRoute is among the allowed kinds, and the kinds that are not supported."""
    kinds = listener.allowed_routes.kinds
    if not kinds:
        return True, []
    unknown = [kind.kind for kind in kinds if (kind.group, kind.kind) != (GATEWAY_GROUP, "HTTPRoute")]
    faults = [Fault("InvalidRouteKinds", f"route kind {kind} is not supported") for kind in unknown]
    return len(unknown) < len(kinds), faults


def _conflict(state: ListenerState, states: Sequence[ListenerState]) -> Fault | None:
    """Listeners that a request could not tell apart; all of them lose. Only supported protocols count."""
    if state.spec.protocol not in _PROTOCOLS:
        return None
    names = _names(state, states, lambda other: other.spec.protocol != state.spec.protocol)
    if names:
        return Fault("ProtocolConflict", f"port {state.spec.port} has another protocol in listener {names}")
    names = _names(state, states, lambda other: other.hostname == state.hostname)
    if names:
        return Fault("HostnameConflict", f"port and hostname are those of listener {names} too")
    return None


def _overlaps(state: ListenerState, states: Sequence[ListenerState]) -> tuple[str, ...]:
    if state.spec.protocol != "HTTPS":
        return ()
    return tuple(
        other.spec.name
        for other in states
        if other is not state
        and (other.spec.port, other.spec.protocol) == (state.spec.port, "HTTPS")
        and hostnames.intersects(other.hostname, state.hostname)
    )


def _names(state: ListenerState, states: Sequence[ListenerState], clashes: Callable[[ListenerState], bool]) -> str:
    return ", ".join(
        other.spec.name
        for other in states
        if other is not state
        and other.spec.port == state.spec.port
        and other.spec.protocol in _PROTOCOLS
        and clashes(other)
    )
