"""The admin API's ``/api/explain`` of an endpoint picker: for which pool, and which request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelyard.control.explain_request import ExplainRequest, head_and_body, require_known

_ALLOWED = ("method", "path", "headers", "body", "pool", "gateway", "port")
"""``gateway`` counts as ``pool``, so that ``modelyard explain --gateway`` names one; ``port`` means nothing here."""
_HOST = "localhost"


def picker_question(asked: dict[str, Any], pools: Iterable[tuple[str, str]]) -> ExplainRequest:
    """What a worker is asked; its listener is the pool, ``namespace/name``. Raises ValueError that says what is
    allowed."""
    require_known(asked, _ALLOWED)
    head, body = head_and_body(asked, _HOST)
    return ExplainRequest(_pool(asked.get("pool") or asked.get("gateway"), pools), head, body)


def _pool(wanted: Any, pools: Iterable[tuple[str, str]]) -> str:
    """The pool of that name, with or without its namespace; the first one where none is named."""
    known = list(pools)
    fitting = ["/".join(pool) for pool in known if wanted in (None, "", pool[1], "/".join(pool))]
    if not fitting:
        names = ", ".join("/".join(pool) for pool in known) or "none"
        raise ValueError(f"no InferencePool {wanted!r} is served here; there is: {names}")
    return fitting[0]
