"""What was found while compiling, as the statuses of Gateways, routes and pools."""

from __future__ import annotations

from collections.abc import Mapping, Set

from modelyard.resources.gateway import GatewayClass
from modelyard.resources.inference import OLD_POOL_GROUP, InferencePool
from modelyard.resources.metadata import Condition
from modelyard.resources.references import ParentReference
from modelyard.routing.attachment import Attachment
from modelyard.routing.conditions import (
    Fault,
    accepted_unless,
    holds,
    programmed_unless,
    resolved_unless,
)
from modelyard.routing.gateways import GatewayState, ListenerState
from modelyard.routing.route_rules import RouteRules
from modelyard.routing.statuses import ChildReport, ClassReport, GatewayReport, ListenerReport, ParentReport

Key = tuple[str, str]
"""Namespace and name."""


def class_report(gateway_class: GatewayClass) -> ClassReport:
    return ClassReport(gateway_class.metadata.generation, (accepted_unless(None),))


def gateway_report(state: GatewayState, attached: Mapping[str, Set[Key]]) -> GatewayReport:
    """``attached``: the accepted routes by listener name."""
    return GatewayReport(
        generation=state.gateway.metadata.generation,
        conditions=(_gateway_accepted(state), programmed_unless(_gateway_programmed(state))),
        listeners=tuple(
            ListenerReport(
                name=listener.spec.name,
                supports_routes=listener.takes_routes,
                attached_routes=len(attached.get(listener.spec.name, ())),
                conditions=_listener_conditions(state, listener),
            )
            for listener in state.listeners
        ),
    )


def _gateway_accepted(state: GatewayState) -> Condition:
    refused = [listener.spec.name for listener in state.listeners if listener.accepted_fault is not None]
    if state.fault is None and refused:
        return holds("Accepted", "ListenersNotValid", f"not accepted: listener {', '.join(refused)}")
    return accepted_unless(state.fault)


def _gateway_programmed(state: GatewayState) -> Fault | None:
    if state.fault is not None:
        return Fault("Invalid", "the Gateway is not accepted")
    if state.address_fault is not None:
        return state.address_fault
    return None if any(state.usable()) else Fault("Invalid", "no listener can be bound")


def _listener_conditions(state: GatewayState, listener: ListenerState) -> tuple[Condition, ...]:
    programmed = listener.programmed_fault
    if state.fault is not None and programmed is None:
        programmed = Fault("Invalid", "the Gateway is not accepted")
    conditions = [
        accepted_unless(listener.accepted_fault),
        programmed_unless(programmed),
        resolved_unless(listener.reference_fault),
        _conflicted(listener.conflict),
    ]
    if listener.overlaps:
        message = f"hostname overlaps with listener {', '.join(listener.overlaps)}"
        conditions.append(holds("OverlappingTLSConfig", "OverlappingHostnames", message))
    return tuple(conditions)


def _conflicted(conflict: Fault | None) -> Condition:
    if conflict is None:
        return Condition(type="Conflicted", status="False", reason="NoConflicts")
    return holds("Conflicted", conflict.reason, conflict.message)


def route_parent(parent: ParentReference, controller: str, attachment: Attachment, rules: RouteRules) -> ParentReport:
    """A route's status towards one of its parentRefs."""
    fault = attachment.fault or rules.rejected
    conditions = [accepted_unless(fault), resolved_unless(rules.reference_fault)]
    if fault is None and rules.partial:
        conditions.append(holds("PartiallyInvalid", "UnsupportedValue", rules.partial))
    return ParentReport(parent, controller, tuple(conditions))


def pool_report(pool: InferencePool, parents: Mapping[Key, tuple[str, bool]]) -> ChildReport:
    """A pool's status. ``parents``: Gateway -> controller, and whether a route to the pool is accepted."""
    old = pool.api_version.startswith(OLD_POOL_GROUP)
    return ChildReport(
        generation=pool.metadata.generation,
        parents=[
            _pool_parent(gateway, controller, accepted) for gateway, (controller, accepted) in sorted(parents.items())
        ],
        field="parent" if old else "parents",
    )


def _pool_parent(gateway: Key, controller: str, accepted: bool) -> ParentReport:
    fault = None if accepted else Fault("HTTPRouteNotAccepted", "no HTTPRoute to the pool is accepted")
    picker = "Modelyard picks the endpoints itself; endpointPickerRef is not asked"
    return ParentReport(
        ParentReference(namespace=gateway[0], name=gateway[1]),
        controller,
        (accepted_unless(fault), holds("ResolvedRefs", "ResolvedRefs", picker)),
    )
