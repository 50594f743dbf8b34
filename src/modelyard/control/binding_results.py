"""What came of binding each Gateway's sockets, in the form in which conditions take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.control import addresses
from modelyard.routing.conditions import Fault
from modelyard.routing.listeners import Listener
from modelyard.routing.statuses import Binding
from modelyard.worker.protocol import BindingFault

_NONE: Mapping[tuple[str, str], Fault] = {}


def gateway_bindings(
    planned: Sequence[addresses.Binding],
    faults: Sequence[BindingFault],
    listeners: Sequence[Listener],
    refused: Mapping[tuple[str, str], Fault] = _NONE,
) -> dict[tuple[str, str], Binding]:
    """By Gateway: its local addresses, and the faults of its listeners. ``refused``: Gateways that are not bound."""
    hosts: dict[tuple[str, str], dict[str, None]] = {}
    for binding in planned:
        hosts.setdefault(binding.gateway, {})[binding.host] = None
    bound = {
        gateway: Binding(addresses=tuple(of), listener_faults=_listener_faults(gateway, faults, listeners))
        for gateway, of in hosts.items()
    }
    return {**bound, **{gateway: Binding(fault=fault) for gateway, fault in refused.items()}}


def _listener_faults(
    gateway: tuple[str, str], faults: Sequence[BindingFault], listeners: Sequence[Listener]
) -> dict[str, Fault]:
    return {
        listener.name: Fault(fault.reason, fault.message)
        for fault in faults
        for listener in listeners
        if listener.group == fault.group
        and (listener.namespace, listener.gateway) == gateway
        and fault.listener in ("", listener.name)
    }
