"""Header names that only Modelyard sets. A client's own are removed before anything reads them (design, section 7)."""

from __future__ import annotations

from modelyard.http1.message_heads import RequestHead

MODEL_NAME = "x-gateway-model-name"
BASE_MODEL_NAME = "x-gateway-base-model-name"
MULTIPLEXED_MODEL_ID = "serve_multiplexed_model_id"
DESTINATION = "x-gateway-destination-endpoint"
"""Tells a proxy where a request goes, and in which order else (Endpoint Picker Protocol)."""

TRUSTED_NAMES = frozenset({MODEL_NAME, BASE_MODEL_NAME, "serve-multiplexed-model-id"})
TRUSTED_PREFIXES = (
    DESTINATION,
    "x-prefiller-",
    "x-encoder-hosts",
    "x-data-parallel-host",
    "x-kv-cache-source-",
    "x-modelyard-",
)


def is_trusted(name: str) -> bool:
    """Whether only Modelyard may set ``name`` (lower case), in the hyphen or the underscore spelling."""
    if "_" in name:
        name = name.replace("_", "-")
    return name in TRUSTED_NAMES or name.startswith(TRUSTED_PREFIXES)


def strip_trusted(head: RequestHead, also: frozenset[str] = frozenset()) -> None:
    """Remove a client's trusted headers, and those in ``also`` (headers that a body field sets), from ``head``."""
    forged = [name for name in head.by_name if name[0] in "xs" and is_trusted(name)]
    if also:
        forged += [name for name in head.by_name if name in also or name.replace("_", "-") in also]
    if forged:
        dropped = set(forged)
        head.headers = [field for field in head.headers if field[0] not in dropped]
        for name in dropped:
            head.by_name.pop(name, None)
