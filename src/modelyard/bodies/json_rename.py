"""Replacing one member's value in a JSON text as it streams by."""

from __future__ import annotations

from modelyard.bodies.json_scan import MemberScanner, Watch


class ValueRenamer:
    """Puts ``value`` (encoded JSON) in the place of the first wanted string value; every other byte stays.

    Works for any split of the text into chunks. Held back between chunks is at most an unfinished key or
    value of interest.
    """

    __slots__ = ("_held", "_scanner", "_value")

    def __init__(self, watch: Watch, value: bytes) -> None:
        self._scanner: MemberScanner | None = MemberScanner(watch)
        self._value = value
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        scanner = self._scanner
        if scanner is None:
            return chunk
        data = self._held + chunk if self._held else chunk
        spans, used = scanner.scan(data)
        if spans:
            self._scanner, self._held = None, b""
            start, end = spans[0]
            return b"".join((data[:start], self._value, data[end:]))
        self._held = data[used:]
        return data[:used] if self._held else data

    def finish(self) -> bytes:
        """What was held back, unchanged: the text ended inside it."""
        held, self._held = self._held, b""
        return held
