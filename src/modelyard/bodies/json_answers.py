"""Observers of JSON answers that come in one piece, of any size, with bounded memory."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import Usage
from modelyard.bodies.json_rename import ValueRenamer
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL
from modelyard.bodies.usage import usage_near_end, usage_of

KEPT_BYTES = 16 * 1024
"""How much of an answer's end is kept for its usage; most answers fit whole, long ones have it near the end.
"""


class JsonObserver:
    """Reads usage; every chunk passes as it came."""

    __slots__ = ("_kept", "_total", "first_token_seen")

    changes_length = False
    mid_event = False

    def __init__(self) -> None:
        self._kept = b""
        self._total = 0
        self.first_token_seen = False

    @property
    def usage(self) -> Usage | None:
        """Known once the answer is complete."""
        return usage_of(self._kept) if self._total <= KEPT_BYTES else usage_near_end(self._kept)

    def feed(self, chunk: bytes) -> bytes:
        self._keep(chunk)
        return chunk

    def finish(self) -> bytes:
        return b""

    def _keep(self, chunk: bytes) -> None:
        self.first_token_seen = True
        self._total += len(chunk)
        self._kept = (self._kept + chunk)[-KEPT_BYTES:] if self._kept else chunk[-KEPT_BYTES:]


class JsonRenamer(JsonObserver):
    """Shows another model name: the value of the top-level ``model`` is replaced, wherever it stands."""

    __slots__ = ("_renamer",)

    changes_length = True

    def __init__(self, model: str) -> None:
        super().__init__()
        self._renamer = ValueRenamer(TOP_LEVEL_MODEL, msgspec.json.encode(model))

    def feed(self, chunk: bytes) -> bytes:
        self._keep(chunk)
        return self._renamer.feed(chunk)

    def finish(self) -> bytes:
        return self._renamer.finish()
