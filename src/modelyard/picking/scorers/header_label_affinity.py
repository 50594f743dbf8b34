"""``header-label-affinity-scorer``: a request header names the label value that its endpoint should have."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import KeyedScorer, Parameters, Scores


class HeaderLabelAffinityParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``header-label-affinity-scorer``."""

    header_name: str
    """Header to read, in any case."""
    label_key: str
    """Label of the endpoint that is compared with it."""

    def __post_init__(self) -> None:
        if not self.header_name or not self.label_key:
            raise ValueError("headerName and labelKey must not be empty")


class HeaderLabelAffinityScorer(KeyedScorer[HeaderLabelAffinityParameters]):
    """1 where the label equals the header, else 0."""

    type = "header-label-affinity-scorer"
    Parameters = HeaderLabelAffinityParameters

    _values: frozenset[str] = frozenset()

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        label = self.parameters.label_key
        self._values = frozenset(c.labels[label] for c in candidates if label in c.labels)

    def key(self, request: PickRequest) -> Hashable:
        """The header, where some endpoint has it as its label: clients cannot make keys without end."""
        value = self._header(request)
        return value if value in self._values else None

    def base(self, candidates: Sequence[Candidate], key: Hashable) -> Scores:
        label = self.parameters.label_key
        return [1.0 if key is not None and c.labels.get(label) == key else 0.0 for c in candidates]

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        return self.base(candidates, self._header(request))

    def _header(self, request: PickRequest) -> str | None:
        return (request.headers or {}).get(self.parameters.header_name.lower())
