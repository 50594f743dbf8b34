"""Which paths a parser of the reference picker claims. A list of parsers takes these and no others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from modelyard.bodies.api_paths import normalise_path

CLAIMS: Mapping[str, tuple[str, ...]] = {
    "openai-parser": (
        "/completions",  # chat/completions as well
        "/completions/render",
        "/embeddings",
        "/responses",
        "/conversations",
        "/images/generations",
        "/audio/transcriptions",
        "/audio/translations",
        "/audio/speech",
        "/moderations",
    ),
    "anthropic-parser": ("/messages", "/messages/count_tokens"),
}
"""Parser -> how paths end, whole segments. The reference's own, and for OpenAI the APIs of it that are read here."""

_CACHED_LENGTH = 256
"""Longest path whose answer is remembered: clients choose paths."""


def claimed(path: str, parsers: Collection[str]) -> bool:
    """Whether one of ``parsers`` takes requests to ``path`` (without query)."""
    names = frozenset(parsers)
    return _known(path, names) if len(path) <= _CACHED_LENGTH else _claimed(path, names)


def _claimed(path: str, parsers: frozenset[str]) -> bool:
    normal = (normalise_path(path) or "").removesuffix("/")
    return any(normal.endswith(CLAIMS[name]) for name in parsers if name in CLAIMS)


_known = lru_cache(maxsize=4096)(_claimed)
