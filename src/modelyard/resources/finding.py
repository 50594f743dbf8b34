"""A remark of ``modelyard check``: nothing is wrong by the letter, and it will bite."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One remark on one object. Findings never change what runs, nor an exit code."""

    object: str
    """``Kind namespace/name``."""
    check: str
    """What was looked at, in kebab case, for example ``gpus-per-replica``; stable, for machines."""
    message: str
    """What was found, with the values."""
    advice: str = ""
    """What to set, and to what."""
