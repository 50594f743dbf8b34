"""What goes wrong with weights."""

from __future__ import annotations


class WeightsError(Exception):
    """Weights cannot be had. The message is for people: what is wrong, and what to do next."""


class NotEnoughSpace(WeightsError):
    """The disk would fill, or has filled; what is there stays and is resumed from."""


class Interruption(Exception):
    """A source did not answer as it should, and may the next time. ``after``: seconds that it asks to be left alone."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after
