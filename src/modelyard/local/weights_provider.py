"""What the runner needs to get the files of a model: a surface that ``control`` fills with ``weights``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from modelyard.resources.weights_source import parse_source


class WeightsMissing(Exception):
    """The files of a source cannot be had; the message says why and what to do next."""


class WeightsProvider(Protocol):
    """Gets model files to this machine, each source once, however many replicas wait for it."""

    async def provide(
        self, source: str, say: Callable[[str], None], *, adapter: bool = False, token: str | None = None
    ) -> Path:
        """Return the folder with all files of ``source`` (``hub://…``, ``gs://…``, ``demo://…``, a path), verified.

        ``say`` hears the progress, for people. ``adapter``: a LoRA adapter, with stricter rules. ``token``: for the
        hub, where the manifest has one. Cancelling the last one that waits ends the download; what is there is kept
        and gone on with later. Raises :class:`WeightsMissing`.
        """
        ...

    async def prefetch(self, folder: Path, say: Callable[[str], None]) -> None:
        """Read the safetensors files of ``folder`` ahead into memory. Never fails: it only saves time."""
        ...

    def path_of(self, source: str) -> Path:
        """Where ``provide`` will have put the files of ``source``. Asks nothing, never waits.

        Raises ValueError where the text is no source.
        """
        ...


class FoldersOnly:
    """A provider that fetches nothing: folders of this machine, used where they are."""

    async def provide(
        self, source: str, say: Callable[[str], None], *, adapter: bool = False, token: str | None = None
    ) -> Path:
        """The folder itself. Raises WeightsMissing where it is not there."""
        path = self.path_of(source)
        if parse_source(source).kind != "path" or not path.is_dir():
            raise WeightsMissing(f"{source} is no folder of this machine, and this runner fetches nothing")
        return path

    async def prefetch(self, folder: Path, say: Callable[[str], None]) -> None:
        """Nothing."""

    def path_of(self, source: str) -> Path:
        """The path as written, or where a fetched source would be below the current folder."""
        found = parse_source(source)
        return Path(found.name) if found.kind == "path" else Path(found.folder)
