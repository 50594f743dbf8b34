"""Values out of a body as header text, and back."""

from __future__ import annotations


def on_the_wire(value: str) -> str:
    """Other letters than ASCII travel as UTF-8 bytes (RFC 9110, obs-text); heads are latin-1, byte for byte."""
    return value if value.isascii() else value.encode().decode("latin-1")


def off_the_wire(text: str) -> str:
    """The value that ``on_the_wire`` made this text of; the text itself where it is no UTF-8."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
