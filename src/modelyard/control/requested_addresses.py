"""Addresses that Gateways ask for (``spec.addresses``): which of them this machine gives. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from modelyard.routing.conditions import Fault
from modelyard.routing.listeners import Listener

Gateway = tuple[str, str]
"""Namespace and name."""


def requested_addresses(listeners: Iterable[Listener]) -> dict[Gateway, tuple[str, ...]]:
    """Gateways that ask for addresses, and which."""
    return {(item.namespace, item.gateway): item.addresses for item in listeners if item.addresses}


def refused_addresses(
    requested: Mapping[Gateway, Sequence[str]], ports: Mapping[Gateway, set[int]], bind: str
) -> dict[Gateway, Fault]:
    """Gateways that cannot have what they ask for, and why. A yard opens loopback addresses and the one that it was
    told to bind, nothing else: opening a model to the network is a decision. ``ports``: those of each Gateway; of two
    Gateways that ask for the same address and port the first gets it."""
    found: dict[Gateway, Fault] = {}
    owner: dict[tuple[str, int], Gateway] = {}
    for gateway, addresses in requested.items():
        sockets = [(address, port) for address in addresses for port in ports.get(gateway, ())]
        taken = next((owner[item] for item in sockets if item in owner), None)
        outside = next((address for address in addresses if not _is_ours(address, bind)), None)
        if outside is not None:
            message = f"{outside} is neither a loopback address nor the one given with --bind ({bind})"
            found[gateway] = Fault("AddressNotUsable", message)
        elif taken is not None:
            found[gateway] = Fault("AddressNotUsable", f"Gateway {'/'.join(taken)} has this address and port")
        else:
            owner.update(dict.fromkeys(sockets, gateway))
    return found


def _is_ours(address: str, bind: str) -> bool:
    try:
        wanted, given = ipaddress.ip_address(address), ipaddress.ip_address(bind)
    except ValueError:
        return False
    return wanted.is_loopback or wanted == given or (given.is_unspecified and wanted.version == given.version)
