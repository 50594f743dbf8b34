"""What goes wrong with weights."""

from __future__ import annotations


class WeightsError(Exception):
    """Weights cannot be had. The message is for people: what is wrong, and what to do next."""


class NotEnoughSpace(WeightsError):
    """The disk would fill, or has filled; what is there stays and is resumed from."""


class Unreachable(WeightsError):
    """The source cannot be asked now, or must not be; what is on this machine already may do."""

    def __init__(self, why: str, advice: str) -> None:
        """``advice``: what to do next."""
        super().__init__(f"{why}; {advice}")
        self.why, self.advice = why, advice


class Interruption(Exception):
    """A source did not answer as it should, and may the next time. ``after``: seconds that it asks to be left alone."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after
