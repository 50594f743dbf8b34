"""The backends of one rule, and the weighted choice among them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import msgspec

from modelyard.routing.filters.chain import NO_FILTERS, FilterChain


class BackendRef(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Names what receives the traffic: an InferencePool, or one port of a Service."""

    kind: str
    """``InferencePool`` or ``Service``."""
    group: str = ""
    """API group of the kind; empty for a Service."""
    namespace: str
    name: str
    port: int = 0
    """Service port number; 0 for an InferencePool, whose target ports count."""

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.kind}/{self.namespace}/{self.name}{port}"


@dataclass(slots=True, frozen=True, eq=False)
class CompiledBackend:
    """One entry of ``backendRefs``. An entry that cannot be used keeps its share of the traffic."""

    ref: BackendRef
    weight: int = 1
    """Share of the rule's requests: weight / sum of weights. 0: none."""
    error: str = ""
    """Why the reference cannot be used, for people; such a request is answered with 500."""
    filters: FilterChain = NO_FILTERS
    """Filters for requests that go to this backend; they come after the rule's."""


class WeightedBackends:
    """Chooses a backend by weight (HTTPRoute ``backendRefs[].weight``)."""

    __slots__ = ("_bounds", "_chosen", "_total", "all")

    def __init__(self, backends: Sequence[CompiledBackend] = ()) -> None:
        self.all = tuple(backends)
        self._chosen = tuple(backend for backend in backends if backend.weight > 0)
        self._bounds = tuple(accumulate(backend.weight for backend in self._chosen))
        self._total = self._bounds[-1] if self._bounds else 0

    @property
    def reach_pool(self) -> bool:
        """Whether one of them is an InferencePool."""
        return any(backend.ref.kind == "InferencePool" for backend in self.all)

    def pick(self, value: float) -> CompiledBackend | None:
        """The backend for a random ``value`` in [0, 1). None: no backend takes traffic (500)."""
        chosen = self._chosen
        if len(chosen) == 1:
            return chosen[0]
        if not chosen:
            return None
        return chosen[bisect_right(self._bounds, value * self._total)]


NO_BACKENDS = WeightedBackends()
