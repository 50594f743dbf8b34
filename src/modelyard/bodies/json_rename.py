"""Replacing one member's value in a JSON text as it streams by."""

from __future__ import annotations

from modelyard.bodies.json_scan import MemberScanner, Watch, leading_model


class ValueRenamer:
    """Puts ``value`` (encoded JSON) in the place of the first ``model`` that ``watch`` names; every other
    byte stays.

    Works for any split of the text into chunks. Held back between chunks is at most an unfinished key or
    value of interest.
    """

    __slots__ = ("_done", "_held", "_scanner", "_value", "_watch")

    def __init__(self, watch: Watch, value: bytes) -> None:
        self._watch = watch
        self._value = value
        self._scanner: MemberScanner | None = None
        self._held = b""
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        if self._done:
            return chunk
        if self._scanner is None:
            span = leading_model(chunk)
            if span is not None:
                return self._replace(chunk, span)
            self._scanner = MemberScanner(self._watch)
        data = self._held + chunk if self._held else chunk
        spans, used = self._scanner.scan(data)
        if spans:
            return self._replace(data, spans[0])
        self._held = data[used:]
        return data[:used] if self._held else data

    def finish(self) -> bytes:
        """What was held back, unchanged: the text ended inside it."""
        held, self._held = self._held, b""
        return held

    def _replace(self, data: bytes, span: tuple[int, int]) -> bytes:
        self._done, self._scanner, self._held = True, None, b""
        return b"".join((data[: span[0]], self._value, data[span[1] :]))
