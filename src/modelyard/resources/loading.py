"""Text of a manifest file -> typed objects and errors."""

from __future__ import annotations

import msgspec

from modelyard.resources.errors import ResourceError
from modelyard.resources.kinds import AnyResource


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one file holds."""

    objects: tuple[AnyResource, ...] = ()
    errors: tuple[ResourceError, ...] = ()


def load_documents(text: str | bytes, source: str) -> LoadResult:
    """Objects and errors of a YAML or JSON file. A broken document never hides the others. Never raises."""
    raise NotImplementedError
