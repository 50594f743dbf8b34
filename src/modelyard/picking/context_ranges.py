"""Context length ranges that endpoints name in a label: the filter and the scorer ``context-length-aware``."""

from __future__ import annotations

import re

from modelyard.picking.policy import Parameters

_RANGE = re.compile(r"\s*([0-9]{1,9})\s*-\s*([0-9]{1,9})\s*", re.ASCII)

FITS_AT_LEAST = 0.3
"""Every range that fits scores above every one that does not."""

_WIDTH_SCALE = 10_000
_DISTANCE_SCALE = 1_000


class ContextLengthParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``context-length-aware``."""

    label: str = "llm-d.ai/context-length-range"
    """Label with the range in tokens, ``min-max``, both included."""
    enable_filtering: bool = False
    """Also drop endpoints whose range does not fit."""

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError("label must not be empty")


def parse_range(text: str) -> tuple[int, int] | None:
    """The two bounds of ``min-max``; None where the text is no range."""
    found = _RANGE.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        return None
    return int(found[1]), int(found[2])


def range_score(text: str | None, tokens: int) -> float:
    """How well a label suits a prompt: tight ranges with room above are best, the nearest wins where none fits.

    Without a label 0.5: any length is taken. A label that is no range: 0.
    """
    if text is None:
        return 0.5
    bounds = parse_range(text)
    if bounds is None:
        return 0.0
    low, high = bounds
    if low <= tokens <= high:
        width = high - low
        room = (high - tokens) / width if width else 1.0
        tight = 1.0 / (1.0 + width / _WIDTH_SCALE)
        return FITS_AT_LEAST + (1.0 - FITS_AT_LEAST) * (0.7 * tight + 0.3 * room)
    distance = tokens - high if tokens > high else low - tokens
    return FITS_AT_LEAST / (1.0 + distance / _DISTANCE_SCALE)
