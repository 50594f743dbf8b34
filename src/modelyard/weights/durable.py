"""Writing so that neither a kill nor a power cut leaves half of it."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Readers see the old content or the new one; after a power cut it is one of the two as well."""
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    move(draft, path)


def move(path: Path, to: Path) -> None:
    """Rename, and have the names on disk."""
    path.rename(to)
    sync_folder(to.parent)
    if path.parent != to.parent:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have a folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
