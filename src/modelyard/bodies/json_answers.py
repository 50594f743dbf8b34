"""Observers of JSON answers that come in one piece, of any size, with bounded memory."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import Usage
from modelyard.bodies.json_rename import ValueRenamer
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL
from modelyard.bodies.usage import usage_of
from modelyard.bodies.usage_scan import UsageScanner

KEPT_BYTES = 16 * 1024
"""Most answers are no longer, and are kept whole for their usage; longer ones are searched as they pass."""


class JsonObserver:
    """Reads usage; every chunk passes as it came."""

    __slots__ = ("_kept", "_scanner", "first_token_seen")

    changes_length = False
    mid_event = False

    def __init__(self) -> None:
        self._kept = b""
        self._scanner: UsageScanner | None = None
        self.first_token_seen = False

    @property
    def usage(self) -> Usage | None:
        """Known once the answer is complete."""
        return usage_of(self._kept) if self._scanner is None else self._scanner.usage

    def feed(self, chunk: bytes) -> bytes:
        self._keep(chunk)
        return chunk

    def finish(self) -> bytes:
        return b""

    def _keep(self, chunk: bytes) -> None:
        self.first_token_seen = True
        if self._scanner is not None:
            self._scanner.feed(chunk)
            return
        self._kept = kept = self._kept + chunk if self._kept else chunk
        if len(kept) > KEPT_BYTES:
            self._kept = b""
            self._scanner = UsageScanner()
            self._scanner.feed(kept)


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
