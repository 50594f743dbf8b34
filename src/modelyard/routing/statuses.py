"""Every resource's status, as Kubernetes would show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelyard.resources.metadata import Condition
from modelyard.resources.references import GATEWAY_GROUP, ParentReference
from modelyard.routing.conditions import ConditionType, Fault, fails, rendered

CONTROLLER = "modelyard.dev/gateway-controller"
"""``controllerName`` where a Gateway's class does not name one."""

FEATURES = (
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayHTTPListenerIsolation",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendRequestRedirect",
    "HTTPRouteBackendTimeout",
    "HTTPRouteBackendURLRewrite",
    "HTTPRouteCORS",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
)
"""Features of the Gateway API that are claimed in ``GatewayClass.status.supportedFeatures``: those that pass the API's
own conformance tests. Misdirected requests are answered with 421, but their test speaks HTTP/2: not claimed."""

_FLIPS: Mapping[str, ConditionType] = {"PortUnavailable": "Accepted", "InvalidCertificateRef": "ResolvedRefs"}
"""Reasons of a binding fault that make another condition of the listener False as well."""


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of binding a Gateway's listeners on this machine; only the shell that binds knows."""

    addresses: tuple[str, ...] = ()
    """IP addresses where it listens."""
    fault: Fault | None = None
    """Why the Gateway as a whole is not programmed (``Pending``, ``AddressNotUsable``)."""
    listener_faults: Mapping[str, Fault] = {}
    """By listener name: ``PortUnavailable``, or ``InvalidCertificateRef`` where TLS refuses the pair."""


UNBOUND = Binding()


@dataclass(slots=True, frozen=True)
class ListenerReport:
    """Status of one listener."""

    name: str
    supports_routes: bool
    attached_routes: int
    conditions: tuple[Condition, ...]


@dataclass(slots=True, frozen=True)
class GatewayReport:
    """Status of one Gateway, before anything is bound."""

    generation: int
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerReport, ...]


@dataclass(slots=True, frozen=True)
class ParentReport:
    """Status of a route or pool towards one parent."""

    parent: ParentReference
    controller: str
    conditions: tuple[Condition, ...]


@dataclass(slots=True, frozen=True)
class ChildReport:
    """Status of a route or pool."""

    generation: int
    parents: Sequence[ParentReport]
    field: str = "parents"
    """``parent`` for the old InferencePool."""


@dataclass(slots=True, frozen=True)
class ClassReport:
    """Status of a GatewayClass that is ours."""

    generation: int
    conditions: tuple[Condition, ...]


Report = GatewayReport | ChildReport | ClassReport


@dataclass(slots=True, frozen=True)
class Statuses:
    """The status of every Gateway, GatewayClass, HTTPRoute and InferencePool that was compiled."""

    reports: Mapping[tuple[str, str, str], Report] = field(default_factory=dict)
    """By kind, namespace (empty for a GatewayClass) and name."""

    def status_of(
        self, kind: str, namespace: str, name: str, *, now: str, binding: Binding = UNBOUND
    ) -> dict[str, Any] | None:
        """The ``status`` object; None: it has none. ``now`` (RFC 3339) is lastTransitionTime.

        ``binding`` says of a Gateway where it listens, and what went wrong there.
        """
        report = self.reports.get((kind, namespace, name))
        match report:
            case GatewayReport():
                return _gateway(report, binding, now)
            case ChildReport():
                return {report.field: [_parent(parent, report.generation, now) for parent in report.parents]}
            case ClassReport():
                conditions = rendered(report.conditions, generation=report.generation, now=now)
                features = [{"name": feature} for feature in FEATURES]
                return {"conditions": conditions, "supportedFeatures": features}
            case None:
                return None


def _gateway(report: GatewayReport, binding: Binding, now: str) -> dict[str, Any]:
    listeners = [_listener(listener, report.generation, binding, now) for listener in report.listeners]
    conditions = _with_fault(report.conditions, "Programmed", binding.fault)
    if listeners and not any(_is_true(listener["conditions"], "Programmed") for listener in listeners):
        conditions = _with_fault(conditions, "Programmed", Fault("Invalid", "no listener is programmed"))
    return {
        "addresses": [{"type": "IPAddress", "value": address} for address in binding.addresses],
        "conditions": rendered(conditions, generation=report.generation, now=now),
        "listeners": listeners,
    }


def _listener(report: ListenerReport, generation: int, binding: Binding, now: str) -> dict[str, Any]:
    fault = binding.listener_faults.get(report.name)
    if fault is None and binding.fault is not None:
        fault = Fault("Invalid", "the Gateway is not bound")
    conditions = _with_fault(report.conditions, "Programmed", fault)
    if fault is not None and fault.reason in _FLIPS:
        conditions = _with_fault(conditions, _FLIPS[fault.reason], fault)
    kinds = [{"group": GATEWAY_GROUP, "kind": "HTTPRoute"}] if report.supports_routes else []
    return {
        "name": report.name,
        "supportedKinds": kinds,
        "attachedRoutes": report.attached_routes,
        "conditions": rendered(conditions, generation=generation, now=now),
    }


def _with_fault(conditions: tuple[Condition, ...], kind: ConditionType, fault: Fault | None) -> tuple[Condition, ...]:
    """The conditions with one that is True made False; a reason that stands is kept."""
    if fault is None:
        return conditions
    return tuple(
        fails(kind, fault) if condition.type == kind and condition.status == "True" else condition
        for condition in conditions
    )


def _is_true(conditions: Sequence[Mapping[str, Any]], kind: str) -> bool:
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)


def _parent(report: ParentReport, generation: int, now: str) -> dict[str, Any]:
    return {
        "parentRef": _reference(report.parent),
        "controllerName": report.controller,
        "conditions": rendered(report.conditions, generation=generation, now=now),
    }


def _reference(parent: ParentReference) -> dict[str, Any]:
    shown: dict[str, Any] = {"group": parent.group, "kind": parent.kind, "name": parent.name}
    if parent.namespace is not None:
        shown["namespace"] = parent.namespace
    if parent.section_name is not None:
        shown["sectionName"] = parent.section_name
    if parent.port is not None:
        shown["port"] = parent.port
    return shown
