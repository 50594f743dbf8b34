"""RequestMirror: copies of a request for another backend, whose answers are thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.routing.backends import BackendRef


@dataclass(slots=True, frozen=True, eq=False)
class Mirror:
    """Sends a share of the requests to ``backend`` as well. A mirror that cannot be resolved is left out."""

    backend: BackendRef
    share: float = 1.0
    """0 to 1, from ``percent`` or ``fraction``; neither: all."""

    def wants(self, value: float) -> bool:
        """Whether the request with this random ``value`` in [0, 1) is copied."""
        return value < self.share
