"""Which paths of an engine are the model API: an allow-list on the normalised path.

Engines open more than the model API on the same port: LoRA load and unload, sleep, pause, weight updates,
``/collective_rpc``, ``/metrics``, ``/invocations`` (which dispatches to anything). A deny-list of those can
be walked around by spelling (``/v1/load%5Flora_adapter``, ``//v1/…``, ``/v1/x/../…``), so only what is
listed here passes, compared exactly, case included, after ``normalise_path``; and the normalised path is
what goes to the engine.
"""

from __future__ import annotations

import re
from functools import lru_cache

_COMMON = frozenset(
    {
        "/v1/models",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/audio/speech",
        "/v1/images/generations",
        "/v1/moderations",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/realtime",
        "/v1/rerank",
        "/v1/score",
    }
)
_VLLM = _COMMON | {
    "/v1/chat/completions/batch",
    "/v1/chat/completions/render",
    "/v1/completions/render",
    "/v1/decisions",
    "/v2/embed",
    "/v2/rerank",
    "/rerank",
    "/score",
    "/pooling",
    "/classify",
    "/tokenize",
    "/detokenize",
}
_RAY = frozenset(
    {
        "/v1/models",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/audio/transcriptions",
        "/v1/score",
        "/tokenize",
        "/detokenize",
    }
)

ALLOWED_PATHS: dict[str, frozenset[str]] = {
    "vllm": _VLLM,
    "simulator": _VLLM,
    "ray-serve": _RAY,
    "sglang": _COMMON | {"/generate", "/encode", "/classify", "/tokenize", "/detokenize"},
    "trtllm-serve": _COMMON,
    "triton": _COMMON,
    "triton-tensorrt-llm": _COMMON,
    "openai": _COMMON,
}
"""Engine (name as in ``fleet.engines``) to the paths of its model API."""

MODEL_API_PATHS: frozenset[str] = frozenset().union(*ALLOWED_PATHS.values())
"""Of any engine."""

MODELS_BELOW = r"/v1/models(?:/[A-Za-z0-9._~:@+-]+)+"
RESPONSES_BELOW = r"/v1/responses/[A-Za-z0-9_-]+(?:/cancel|/input_items)?"
PATHS_BELOW = rf"/v1(?:{MODELS_BELOW.removeprefix('/v1')}|{RESPONSES_BELOW.removeprefix('/v1')})"
"""Paths with an id in them, of any engine. No dot segment can be among them: the path is normalised."""

_BELOW = re.compile(PATHS_BELOW)

_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+/?|/")
_SEGMENT_CHARACTERS = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_REFUSED = re.compile(r"%(?:[01][0-9A-F]|7F|2F|5C|25)")
"""Encoded control characters, slash, backslash, and percent (a second encoding)."""


def is_model_api(path: str, engine: str = "") -> bool:
    """Whether a normalised path may go to an endpoint of that engine; an engine not known here: any engine's
    paths."""
    return path in ALLOWED_PATHS.get(engine, MODEL_API_PATHS) or _BELOW.fullmatch(path) is not None


def normalise_path(path: str) -> str | None:
    """The one spelling of a request path (without query); None: refuse it with 400.

    Percent-encodings of unreserved characters are decoded once, others get upper-case digits (RFC 3986,
    6.2.2); ``//`` becomes ``/``; dot segments are resolved (RFC 3986, 5.2.4). Refused: encoded slashes,
    backslashes, control characters and percent signs, broken encodings, raw characters that do not belong
    into a path, and going above the root.
    """
    if path in MODEL_API_PATHS:
        return path
    return _normalise(path) if len(path) <= _CACHED_LENGTH else _normalise.__wrapped__(path)


_CACHED_LENGTH = 256
"""Longest path whose spelling is remembered: clients choose paths, and heads may be large."""


@lru_cache(maxsize=4096)
def _normalise(path: str) -> str | None:
    if _PLAIN.fullmatch(path):
        return path
    decoded = _ESCAPE.sub(_decode, path)
    if not _SEGMENT_CHARACTERS.fullmatch(decoded) or _REFUSED.search(decoded):
        return None
    return _resolve(decoded)


def _decode(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def _resolve(path: str) -> str | None:
    """Without empty and dot segments; None: it goes above the root."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if not kept:
                return None
            kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    trailing = "/" if segments[-1] in ("", ".", "..") and kept else ""
    return "/" + "/".join(kept) + trailing
