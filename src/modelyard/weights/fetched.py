"""What a fetch gives."""

from __future__ import annotations

from pathlib import Path

import msgspec


class FetchedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """Weights that are here, whole and checked."""

    path: Path
    """The folder. Nobody writes to it."""
    source: str
    """As text (``str`` of the source)."""
    revision: str
    """What the source was at that time: the hub's commit, the demo model's digest; for a bucket a digest of its
    listing; empty for a path."""
    digest: str
    """SHA-256, in hex, over the names and digests of all files. For a path without ``FetchLimits.contained`` over
    names, sizes and times instead: nobody waits minutes for a folder that is used as it is."""
    size: int
    """Bytes in all."""
    note: str = ""
    """What people should know of how they came here."""
