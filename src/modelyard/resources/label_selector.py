"""Label selectors (Kubernetes ``meta/v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from modelyard.resources.bases import Strict


class LabelSelectorRequirement(Strict, frozen=True, kw_only=True):
    """One expression over one label."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Strict, frozen=True, kw_only=True):
    """All of ``match_labels`` and ``match_expressions`` must hold; an empty selector matches everything."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )
