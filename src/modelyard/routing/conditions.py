"""Conditions of Kubernetes objects, with the types and reasons of the Gateway API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from modelyard.resources.metadata import Condition

ConditionType = Literal[
    "Accepted", "Programmed", "Conflicted", "ResolvedRefs", "PartiallyInvalid", "OverlappingTLSConfig"
]

Reason = Literal[
    "AddressNotUsable",
    "BackendNotFound",
    "HTTPRouteNotAccepted",
    "HostnameConflict",
    "IncompatibleFilters",
    "Invalid",
    "InvalidCertificateRef",
    "InvalidKind",
    "InvalidParameters",
    "InvalidRouteKinds",
    "ListenersNotValid",
    "NoMatchingListenerHostname",
    "NoMatchingParent",
    "NotAllowedByListeners",
    "NotSupportedByParent",
    "Pending",
    "PortUnavailable",
    "ProtocolConflict",
    "RefNotPermitted",
    "UnsupportedAddress",
    "UnsupportedProtocol",
    "UnsupportedValue",
]
"""Why a condition is not as it should be."""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong, as the reason and message of a condition."""

    reason: Reason
    message: str


def holds(type_: ConditionType, reason: str, message: str = "") -> Condition:
    """A condition with status True."""
    return Condition(type=type_, status="True", reason=reason, message=message)


def fails(type_: ConditionType, fault: Fault) -> Condition:
    """A condition with status False."""
    return Condition(type=type_, status="False", reason=fault.reason, message=fault.message)


def accepted_unless(fault: Fault | None) -> Condition:
    return holds("Accepted", "Accepted") if fault is None else fails("Accepted", fault)


def resolved_unless(fault: Fault | None) -> Condition:
    return holds("ResolvedRefs", "ResolvedRefs") if fault is None else fails("ResolvedRefs", fault)


def programmed_unless(fault: Fault | None) -> Condition:
    return holds("Programmed", "Programmed") if fault is None else fails("Programmed", fault)


def joined(faults: Sequence[Fault]) -> Fault | None:
    """All faults as one: the first one's reason, everyone's message. None for no fault."""
    if not faults:
        return None
    return Fault(faults[0].reason, "; ".join(dict.fromkeys(fault.message for fault in faults)))


def rendered(conditions: Iterable[Condition], *, generation: int, now: str) -> list[dict[str, Any]]:
    """Conditions as they stand in a status; ``now`` (RFC 3339) is their lastTransitionTime."""
    return [
        {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "observedGeneration": generation,
            "lastTransitionTime": now,
        }
        for condition in conditions
    ]
