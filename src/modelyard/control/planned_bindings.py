"""Local addresses of all listeners of a snapshot, and the Gateways that ask for one that they cannot have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modelyard.control.addresses import Binding, plan_bindings
from modelyard.control.requested_addresses import Gateway, refused_addresses, requested_addresses
from modelyard.routing.conditions import Fault
from modelyard.routing.listeners import Listener


def planned_bindings(
    listeners: Iterable[Listener],
    *,
    bind: str,
    ports: Mapping[int, int],
    may_bind_privileged: bool = False,
    before: Sequence[Binding] = (),
) -> tuple[tuple[Binding, ...], Mapping[Gateway, Fault]]:
    """See ``addresses.plan_bindings``, which raises :class:`NoAddress`."""
    wanted: dict[tuple[Gateway, int], bool] = {}
    ports_of: dict[Gateway, set[int]] = {}
    found = tuple(listeners)
    for listener in found:
        gateway = (listener.namespace, listener.gateway)
        wanted.setdefault((gateway, listener.port), listener.protocol == "HTTPS")
        ports_of.setdefault(gateway, set()).add(listener.port)
    requested = requested_addresses(found)
    refused = refused_addresses(requested, ports_of, bind)
    planned = plan_bindings(
        [(gateway, port, tls) for (gateway, port), tls in wanted.items() if gateway not in refused],
        bind=bind,
        ports=ports,
        may_bind_privileged=may_bind_privileged,
        before=before,
        requested={gateway: asked for gateway, asked in requested.items() if gateway not in refused},
    )
    return planned, refused
