"""What goes wrong with weights."""

from __future__ import annotations


class WeightsError(Exception):
    """Weights cannot be had. The message is for people: what is wrong, and what to do next."""


class NotEnoughSpace(WeightsError):
    """The disk would fill, or has filled; what is there stays and is resumed from."""
