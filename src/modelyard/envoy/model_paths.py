"""The model API's paths as an expression over what clients send: what goes to a pool, and nothing else.

The picker refuses other paths as well, but a pool that fails open is reached without a picker, and engines open their
control paths on the same port.
"""

from __future__ import annotations

import re

from modelyard.bodies.api_paths import MODEL_API_PATHS, PATHS_BELOW, is_model_api
from modelyard.routing.filters.path_changes import PathChange

ANY_PATH = ".*"
_QUERY = r"(?:\?.*)?"


def paths_before(change: PathChange | None, matched_prefix: str | None) -> str | None:
    """An expression for whole ``:path`` values that lead to the model API after a rewrite; None: none does."""
    if change is None:
        return _expression("", "")
    if not change.prefix_only:
        return ANY_PATH if is_model_api(change.value) else None
    return _expression((matched_prefix or "").rstrip("/"), change.value.rstrip("/"))


def _expression(sent: str, replaced: str) -> str | None:
    """Paths that begin with ``sent`` in place of ``replaced``."""
    rests = sorted(path[len(replaced) :] for path in MODEL_API_PATHS if path.startswith(f"{replaced}/"))
    choices = [re.escape(rest) for rest in rests]
    below = _below(replaced)
    if below is not None:
        choices.append(below)
    return f"{re.escape(sent)}(?:{'|'.join(choices)}){_QUERY}" if choices else None


def _below(replaced: str) -> str | None:
    if not replaced:
        return PATHS_BELOW
    return PATHS_BELOW.removeprefix(replaced) if PATHS_BELOW.startswith(f"{replaced}/") else None
