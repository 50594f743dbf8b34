"""Rules of references between objects (Gateway API ``object_reference_types.go``, ``shared_types.go``)."""

from __future__ import annotations

from modelyard.resources.faults import Report
from modelyard.resources.references import (
    BackendObjectReference,
    LocalObjectReference,
    ObjectReference,
    ParentReference,
    SecretObjectReference,
)
from modelyard.resources.validation import formats

AnyReference = BackendObjectReference | LocalObjectReference | ObjectReference | ParentReference | SecretObjectReference


def check_reference(reference: AnyReference, report: Report) -> None:
    """Group, kind, name and namespace have their forms."""
    report.at("group").check(formats.group(reference.group))
    report.at("kind").check(formats.kind(reference.kind))
    report.at("name").check(formats.object_name(reference.name))
    namespace = getattr(reference, "namespace", None)
    if namespace is not None:
        report.at("namespace").check(formats.dns_label(namespace))


def check_parent(parent: ParentReference, report: Report) -> None:
    check_reference(parent, report)
    if parent.section_name is not None:
        report.at("sectionName").check(formats.dns_subdomain(parent.section_name))
    if parent.port is not None:
        report.at("port").check(formats.port(parent.port))


def check_backend(backend: BackendObjectReference, report: Report) -> None:
    """A Service needs a port; for an InferencePool a port has no meaning."""
    check_reference(backend, report)
    if backend.port is not None:
        report.at("port").check(formats.port(backend.port))
    elif (backend.group, backend.kind) == ("", "Service"):
        report.at("port").fault("is required for a Service and missing")
