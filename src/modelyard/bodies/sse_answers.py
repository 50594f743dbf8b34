"""Observers of server-sent events. Events of one JSON object per ``data`` line are what engines send.

The usual chunk is one whole event: it is looked at once, in C, and passed on as the same object. Chunks that
end inside a line cost a little more; what is kept of an unfinished line is bounded.
"""

from __future__ import annotations

import re

from modelyard.bodies.facts import Usage
from modelyard.bodies.sse_rename import EventRenamer
from modelyard.bodies.usage import usage_near_end, usage_of

MAX_LINE_BYTES = 64 * 1024
"""How much of an unfinished line is kept. Longer ones (a Responses stream ends with the whole response in
one) are read from their last bytes and renamed as they pass."""

_TOKEN = re.compile(
    rb'"(?:content|text|delta|reasoning_content|reasoning|thinking|partial_json|arguments|refusal)"\s*:\s*"(?!")'
    rb'|"tool_calls"\s*:\s*\[\s*\{'
)
"""A member that carries generated content; the first events of a stream carry a role or an empty string
only."""


class SseObserver:
    """Reads usage and notices the first token; every chunk passes as it came."""

    __slots__ = ("_line", "_line_bytes", "first_token_seen", "usage")

    changes_length = False
    mid_event = True
    """Not followed, so taken to be true: an empty line where no event is open changes nothing."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        """Pieces of the unfinished line."""
        self._line_bytes = 0
        self.first_token_seen = False
        self.usage: Usage | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._line or chunk[-1:] != b"\n":
            self._feed_unfinished(chunk)
            return chunk
        if not self.first_token_seen and _TOKEN.search(chunk):
            self.first_token_seen = True
        at = chunk.find(b'"usage"')
        # Some engines write "usage":null in every event but the last.
        if at >= 0 and not (chunk.startswith(b":null", at + 7) and chunk.find(b'"usage"', at + 7) < 0):
            self._read_usage(chunk)
        return chunk

    def finish(self) -> bytes:
        self._end_line(b"")
        return b""

    def _feed_unfinished(self, chunk: bytes) -> None:
        """Lines of a chunk that ends inside a line, or continues one."""
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if end:
            self._end_line(chunk[:end])
        if end < len(chunk):
            self._keep_piece(chunk[end:])

    def _keep_piece(self, piece: bytes) -> None:
        self._line.append(piece)
        self._line_bytes += len(piece)
        if self._line_bytes > 2 * MAX_LINE_BYTES:
            self._line = [b"".join(self._line)[-MAX_LINE_BYTES:]]
            self._line_bytes = MAX_LINE_BYTES

    def _end_line(self, rest: bytes) -> None:
        """``rest`` completes the kept line; whole lines may follow in it."""
        lines = b"".join((*self._line, rest))
        cut, self._line, self._line_bytes = self._line_bytes >= MAX_LINE_BYTES, [], 0
        if not self.first_token_seen and _TOKEN.search(lines):
            self.first_token_seen = True
        if b'"usage"' in lines:
            self._read_usage(lines)
            if cut:
                self.usage = usage_near_end(lines[: lines.find(b"\n") + 1 or None]) or self.usage

    def _read_usage(self, lines: bytes) -> None:
        for line in lines.replace(b"\r", b"\n").split(b"\n"):
            if b'"usage"' in line and line[:5] == b"data:":
                before = self.usage
                self.usage = usage_of(line[5:], before)
                if self.usage is before and line.rfind(b"data:") > 0:
                    # Events that run together; inside of a text, what follows would be no JSON.
                    self.usage = usage_of(line[line.rfind(b"data:") + 5 :], before)


class SseRenamer(SseObserver):
    """Shows another model name in every event that names one."""

    __slots__ = ("_renamer",)

    changes_length = True

    def __init__(self, model: str) -> None:
        super().__init__()
        self._renamer = EventRenamer(model)

    def feed(self, chunk: bytes) -> bytes:
        super().feed(chunk)
        return self._renamer.feed(chunk)

    def finish(self) -> bytes:
        super().finish()
        return self._renamer.finish()
