"""Rules of ``metadata`` and of label selectors (Kubernetes ``meta/v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from modelyard.resources.faults import Report
from modelyard.resources.label_selector import LabelSelector
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.validation import formats


def check_metadata(
    metadata: ObjectMeta, report: Report, name: formats.Check = formats.dns_subdomain, namespaced: bool = True
) -> None:
    """A name of the kind's form, a namespace, labels, and a time that can be compared."""
    if metadata.name:
        report.at("name").check(name(metadata.name))
    else:
        report.at("name").fault("is required and missing")
    if namespaced:
        report.at("namespace").check(formats.dns_label(metadata.namespace))
    check_labels(metadata.labels, report.at("labels"))
    if metadata.creation_timestamp is not None:
        report.at("creationTimestamp").check(_timestamp(metadata.creation_timestamp))


def check_labels(labels: Mapping[str, str], report: Report) -> None:
    for key, value in labels.items():
        report.at(key).check(formats.label_key(key))
        report.at(key).check(formats.label_value(value))


def check_selector(selector: LabelSelector, report: Report) -> None:
    """``In`` and ``NotIn`` need values; ``Exists`` and ``DoesNotExist`` must have none."""
    check_labels(selector.match_labels, report.at("matchLabels"))
    for index, requirement in enumerate(selector.match_expressions):
        place = report.at("matchExpressions", index)
        place.at("key").check(formats.label_key(requirement.key))
        if requirement.operator in ("In", "NotIn"):
            place.at("values").require(
                bool(requirement.values), f"operator {requirement.operator} needs at least one value"
            )
        else:
            place.at("values").require(not requirement.values, f"operator {requirement.operator} takes no values")


def _timestamp(text: str) -> str | None:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        return f"{text[:40]!r} is no RFC 3339 time; write it like 2025-01-31T12:00:00Z"
    return None
