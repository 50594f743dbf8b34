"""Files of the hub's cache become files of a fetch: checked, then linked, so that they take no space twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from modelyard.weights.checksums import Digester
from modelyard.weights.errors import WeightsError
from modelyard.weights.hub_cache import HubCache
from modelyard.weights.progress import Progress
from modelyard.weights.store import RemoteFile
from modelyard.weights.workspace import Workspace

_BLOCK = 4 << 20
_TICK = 0.25
"""Seconds between two reports."""


def link_cached(cache: HubCache, workspace: Workspace, source: str, say: Callable[[Progress], None], why: str) -> None:
    """Check and link every file of the workspace's journal that is not there yet. Where links cannot be made (another
    disk) the files are left to be copied. ``why`` is said with the progress. Raises WeightsError, OSError, and what
    ``say`` raises."""
    todo = [file for file in workspace.journal.files if not workspace.is_checked(file)]
    total, done, said = sum(file.size for file in todo), 0, 0.0

    def read(count: int) -> None:
        nonlocal done, said
        done += count
        if time.monotonic() - said >= _TICK:
            said = time.monotonic()
            say(Progress(phase="cached", source=source, done=done, total=total, note=why))

    read(0)
    for file in todo:
        place = cache.place(file.name)
        workspace.link(file, place, _checked(file, place, source, read))


def _checked(file: RemoteFile, place: Path, source: str, read: Callable[[int], None]) -> str:
    """The file's SHA-256."""
    digester = Digester(file.size, file.checksum)
    with place.open("rb") as content:
        while block := content.read(_BLOCK):
            digester.update(block)
            read(len(block))
    if not digester.fits:
        raise WeightsError(
            f"{file.name} of {source} in the hub's cache is damaged (checksum): remove {place} and fetch again "
            "when the hub can be reached"
        )
    return digester.sha256
