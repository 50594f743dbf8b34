"""Placeholders that a template's author left for its users to fill in: ``namespace: _NAMESPACE_``.

On this machine a namespace only keeps names apart, so a placeholder stands for ``default``; the object keeps a note of
it, which ``up`` and ``check`` show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAMESPACE_NOTE = "modelyard.dev/namespace-placeholder"
"""Annotation with the placeholder that stood for the namespace."""
DEFAULT_NAMESPACE = "default"
_PLACEHOLDER = re.compile(r"_[A-Z][A-Z0-9_]*_|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Z_][A-Z0-9_]*")


def with_namespace(value: dict[str, Any]) -> dict[str, Any]:
    """An object's plain value, with ``default`` in place of a namespace that is a placeholder."""
    metadata = value.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(namespace, str) or not _PLACEHOLDER.fullmatch(namespace):
        return value
    annotations = metadata.get("annotations", {})
    if not isinstance(annotations, Mapping):
        return value
    changed = {"namespace": DEFAULT_NAMESPACE, "annotations": {**annotations, NAMESPACE_NOTE: namespace}}
    return {**value, "metadata": {**metadata, **changed}}
