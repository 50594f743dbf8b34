"""The model's name in server-sent events: each ``data`` line holding a JSON object is renamed by itself."""

from __future__ import annotations

import msgspec

from modelyard.bodies.json_rename import ValueRenamer
from modelyard.bodies.json_scan import MemberScanner, Watch, leading_model

MAX_HELD_BYTES = 64 * 1024
"""Longest unfinished line that is held back until it is whole; a longer one is renamed as it passes."""

_WATCH: Watch = {"model": None, "response": {"model": None}, "message": {"model": None}}
"""Where events name the model: at the top (OpenAI), in ``response`` (Responses API), in ``message``
(Anthropic)."""


class EventRenamer:
    """Passes whole lines on, with ``model`` in place of the model that an event names.

    The events of a stream mostly begin alike up to and with the model's name. A line that begins with the
    very bytes with which the last one began up to there is the same JSON up to there, so it is renamed
    without a look into it.
    """

    __slots__ = ("_held", "_known", "_known_renamed", "_long", "_name")

    def __init__(self, model: str) -> None:
        self._name = msgspec.json.encode(model)
        self._held = b""
        self._known = b"\n\n"
        """Beginning of a line, to the end of the model's value; at first, what no line begins with."""
        self._known_renamed = b""
        self._long: ValueRenamer | None = None
        """Renames a line that is too long to be held."""

    def feed(self, chunk: bytes) -> bytes:
        known = self._known
        between_lines = not self._held and self._long is None
        if between_lines and chunk.startswith(known) and _ends_one_event(chunk, len(known)):
            return self._known_renamed + chunk[len(known) :]
        return self._feed_lines(self._held + chunk)

    def finish(self) -> bytes:
        """The last line, where the stream did not end with a line end."""
        held, self._held = self._held, b""
        if self._long is not None:
            return self._long.finish()
        return self._line(held)

    def _feed_lines(self, data: bytes) -> bytes:
        lines: list[bytes] = []
        self._held, at = b"", 0
        while end := data.find(b"\n", at) + 1:
            lines.append(self._line(data[at:end]))
            at = end
        if at < len(data):
            lines.append(self._unfinished(data[at:]))
        return b"".join(lines)

    def _line(self, line: bytes) -> bytes:
        if self._long is not None:
            renamer, self._long = self._long, None
            return renamer.feed(line) + renamer.finish()
        if line.startswith(self._known):
            return self._known_renamed + line[len(self._known) :]
        if not line.startswith(b"data:") or (b'"model"' not in line and b"\\u006" not in line):
            return line
        return self._look_into(line)

    def _look_into(self, line: bytes) -> bytes:
        span = leading_model(line)
        if span is None:
            spans, _ = MemberScanner(_WATCH).scan(line)
            if not spans:
                return line
            span = spans[0]
        start, end = span
        self._known, self._known_renamed = line[:end], line[:start] + self._name
        return self._known_renamed + line[end:]

    def _unfinished(self, piece: bytes) -> bytes:
        if self._long is None:
            if len(piece) <= MAX_HELD_BYTES:
                self._held = piece
                return b""
            self._long = ValueRenamer(_WATCH, self._name)
        return self._long.feed(piece)


def _ends_one_event(chunk: bytes, start: int) -> bool:
    """The line that ``start`` lies in is the chunk's last, an empty one aside."""
    return chunk.find(b"\n", start) == len(chunk) - 2 and chunk.endswith(b"\n\n")
