"""The admin API's ``/api/explain`` of an endpoint picker: for which pool, and which request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelyard.control.explain_request import ExplainRequest, head_and_body, require_known

_ALLOWED = ("method", "path", "headers", "body", "pool", "gateway", "port")
"""``gateway`` counts as ``pool``, so that ``modelyard explain --gateway`` names one; ``port`` means nothing here."""
_HOST = "localhost"
MODEL_NOT_FOUND = "model_not_found"


def picker_questions(asked: dict[str, Any], pools: Iterable[tuple[str, str]]) -> list[ExplainRequest]:
    """What a worker is asked, one pool after the other until one has the model; the listener is the pool,
    ``namespace/name``. One question where a pool is named. Raises ValueError that says what is allowed."""
    require_known(asked, _ALLOWED)
    head, body = head_and_body(asked, _HOST)
    meant = _pools(asked.get("pool") or asked.get("gateway"), pools)
    return [ExplainRequest(pool, head, body) for pool in meant]


def lacks_model(answer: dict[str, Any]) -> bool:
    """Whether a pool's answer is that it has no such model."""
    refusal = answer.get("answer")
    return isinstance(refusal, dict) and refusal.get("reason") == MODEL_NOT_FOUND


def _pools(wanted: Any, pools: Iterable[tuple[str, str]]) -> list[str]:
    """The pool of that name, with or without its namespace; all of them where none is named."""
    known = list(pools)
    fitting = ["/".join(pool) for pool in known if wanted in (None, "", pool[1], "/".join(pool))]
    if not fitting:
        names = ", ".join("/".join(pool) for pool in known) or "none"
        raise ValueError(f"no InferencePool {wanted!r} is served here; there is: {names}")
    return fitting if wanted in (None, "") else fitting[:1]
