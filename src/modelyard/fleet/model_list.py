"""Reads an engine's ``GET /v1/models`` answer."""

from __future__ import annotations

import msgspec

from modelyard.fleet.endpoints import ServedModel

MAX_MODELS = 10_000
"""Entries read of one list."""


class _Entry(msgspec.Struct, frozen=True):
    id: str
    parent: str | None = None
    max_model_len: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw]


_ANSWER = msgspec.json.Decoder(_Answer)
_ENTRY = msgspec.json.Decoder(_Entry)


def served_models(body: bytes) -> tuple[ServedModel, ...]:
    """The models in the order of the list; entries that are none are left out, of two with one id the first
    stays.

    Raises ValueError when the answer is no model list at all.
    """
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not a model list: {error}") from None
    models: dict[str, ServedModel] = {}
    for raw in answer.data[:MAX_MODELS]:
        entry = _entry(raw)
        if entry is not None and entry.id:
            parent = entry.parent if entry.parent != entry.id else None
            model = ServedModel(id=entry.id, parent=parent or None, max_model_len=entry.max_model_len)
            models.setdefault(entry.id, model)
    return tuple(models.values())


def _entry(raw: msgspec.Raw) -> _Entry | None:
    try:
        return _ENTRY.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
