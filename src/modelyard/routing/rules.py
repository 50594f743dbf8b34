"""One compiled rule of an HTTPRoute, as one of its matches selects it."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.routing.backends import NO_BACKENDS, CompiledBackend, WeightedBackends
from modelyard.routing.filters.chain import NO_FILTERS, FilterChain


@dataclass(slots=True, frozen=True)
class RetryPolicy:
    """HTTPRoute ``rules[].retry``: which answers are tried again."""

    codes: frozenset[int] = frozenset()
    """Statuses of the backend that are tried again; failed connections always are."""
    attempts: int = 1
    """Tries after the first; the field's default is left to the implementation, here 1."""
    backoff: float = 0.0
    """Seconds to wait at least before each further try."""


@dataclass(slots=True, frozen=True, eq=False)
class CompiledRule:
    """What to do with a request. One value per rule and match: the prefix belongs to the match."""

    namespace: str
    """Of the HTTPRoute."""
    name: str
    """Of the HTTPRoute."""
    rule_index: int = 0
    rule_name: str = ""
    """``rules[].name``; empty where it has none."""
    matched_prefix: str | None = None
    """Prefix that a ReplacePrefixMatch replaces (``""`` is ``/``); None: no prefix match."""
    filters: FilterChain = NO_FILTERS
    backends: WeightedBackends = NO_BACKENDS
    request_timeout: float = 0.0
    """Seconds for the whole exchange; 0: no limit from the route."""
    backend_timeout: float = 0.0
    """Seconds for one request to a backend; 0: no limit from the route."""
    retry: RetryPolicy | None = None
    error: str = ""
    """The rule matches but cannot be carried out (unknown filter): answer 500 with this message."""

    @property
    def route(self) -> str:
        return f"{self.namespace}/{self.name}"

    def pick_backend(self, value: float) -> CompiledBackend | None:
        """The backend for a random ``value`` in [0, 1). None: answer 500, as for one with ``error``."""
        return self.backends.pick(value)
