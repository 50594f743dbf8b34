"""Values out of a body as header text."""

from __future__ import annotations


def on_the_wire(value: str) -> str:
    """Other letters than ASCII travel as UTF-8 bytes (RFC 9110, obs-text); heads are latin-1, byte for byte."""
    return value if value.isascii() else value.encode().decode("latin-1")
