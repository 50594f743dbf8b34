"""``label-selector-filter``: endpoints with certain labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, Parameters
from modelyard.resources.label_selector import LabelSelector, LabelSelectorRequirement


class LabelSelectorParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``label-selector-filter``: a Kubernetes label selector."""

    match_labels: Mapping[str, str] = {}
    """Labels that must have these values."""
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    """Expressions that must hold."""


class LabelSelectorFilter(Filter[LabelSelectorParameters]):
    """Keeps endpoints that the selector matches; an empty selector matches all."""

    type = "label-selector-filter"
    Parameters = LabelSelectorParameters

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        parameters = self.parameters
        selector = LabelSelector(match_labels=parameters.match_labels, match_expressions=parameters.match_expressions)
        return [candidate for candidate in candidates if selector.matches(candidate.labels)]
