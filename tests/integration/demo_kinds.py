"""Which weights answered: ``kind_of(text)`` is the kind of the demo model that wrote it, ``KIND_OF_MODEL`` which kind
a model writes. Ask for 24 tokens at least; fewer may not tell."""

from __future__ import annotations

from modelyard.weights.demo.kinds import KIND_OF_MODEL, Kind, kind_of

__all__ = ["KIND_OF_MODEL", "Kind", "kind_of"]
