"""What the runner needs to get the files of a model: a surface that ``control`` fills with ``weights``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class WeightsMissing(Exception):
    """The files of a source cannot be had; the message says why and what to do next."""


class WeightsProvider(Protocol):
    """Gets model files to this machine, each source once, however many replicas wait for it."""

    async def provide(self, source: str, say: Callable[[str], None]) -> Path:
        """Return the folder with all files of ``source`` (``hub://…``, ``gs://…``, ``demo://…``, a path), verified.

        ``say`` hears the progress, for people. Cancelling the last one that waits ends the download; what is there is
        kept and gone on with later. Raises :class:`WeightsMissing`.
        """
        ...

    def path_of(self, source: str) -> Path:
        """Where ``provide`` will have put the files of ``source``. Asks nothing, never waits.

        Raises ValueError where the text is no source.
        """
        ...
