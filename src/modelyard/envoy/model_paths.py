"""The model API's paths as an expression over what clients send: what goes to a pool, and nothing else.

The picker refuses other paths as well, but a pool that fails open is reached without a picker, and engines open their
control paths on the same port.
"""

from __future__ import annotations

import re

from modelyard.bodies.api_paths import MODEL_API_PATHS, MODELS_BELOW, PATHS_BELOW, RESPONSES_BELOW, is_model_api
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
    rests = {path[len(replaced) :] for path in MODEL_API_PATHS if path.startswith(f"{replaced}/")}
    if sent and replaced in MODEL_API_PATHS:
        rests.add("")
    choices = [re.escape(rest) for rest in sorted(rests, reverse=True)]
    below = _BELOW.get(replaced)
    if below is not None:
        choices.insert(0, below)
    return f"{re.escape(sent)}(?:{'|'.join(choices)}){_QUERY}" if choices else None


_BELOW = {
    "": PATHS_BELOW,
    "/v1": PATHS_BELOW.removeprefix("/v1"),
    "/v1/models": MODELS_BELOW.removeprefix("/v1/models"),
    "/v1/responses": RESPONSES_BELOW.removeprefix("/v1/responses"),
}
"""What may follow a prefix of the paths with an id in them. Deeper prefixes name one model or answer: not served."""
