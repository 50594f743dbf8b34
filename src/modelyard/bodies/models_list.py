"""Answers of ``GET /v1/models`` and ``GET /v1/models/{id}``: what a listener's routes can serve, as one
list."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

import msgspec

MODELS_PATH = "/v1/models"


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One model or adapter that clients can name."""

    id: str
    parent: str | None = None
    """Base model of an adapter; None for a base model."""
    created: int = 0
    """Unix time in seconds, as the engine gave it; 0: not known."""
    owned_by: str = "modelyard"


class _Listed(msgspec.Struct):
    id: str
    object: str
    created: int
    owned_by: str
    root: str
    parent: str | None


class _List(msgspec.Struct):
    object: str
    data: list[_Listed]


def models_body(entries: Iterable[ModelEntry]) -> bytes:
    """The list object; of two entries with one id the first is shown."""
    by_id: dict[str, _Listed] = {}
    for entry in entries:
        by_id.setdefault(entry.id, _listed(entry))
    return msgspec.json.encode(_List("list", list(by_id.values())))


def model_body(entry: ModelEntry) -> bytes:
    """One model object."""
    return msgspec.json.encode(_listed(entry))


def requested_model(path: str) -> str | None:
    """The id that ``GET /v1/models/{id}`` asks for, from the path as sent (without query); None: another
    path.

    Ids such as ``google/gemma-2b-it`` come with their slash plain or as ``%2F``; both name the same model.
    The id is compared with what there is and never forwarded.
    """
    prefix = MODELS_PATH + "/"
    if not path.startswith(prefix) or len(path) == len(prefix):
        return None
    try:
        return unquote(path[len(prefix) :], errors="strict")
    except UnicodeDecodeError:
        return None


def _listed(entry: ModelEntry) -> _Listed:
    return _Listed(entry.id, "model", entry.created, entry.owned_by, entry.parent or entry.id, entry.parent)
