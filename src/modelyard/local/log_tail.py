"""The end of a replica's log, for messages."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 8192
_SHOWN = 200


def last_line(path: Path) -> str:
    """The last line with anything on it, shortened; empty where there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    text = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
