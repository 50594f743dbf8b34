"""Where the workers of a home and its control process meet."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def default_socket_path(root: Path, workers: str = "workers") -> Path:
    """Where the workers of this home connect; ``workers`` tells several sets of them apart. Short enough for a Unix
    socket's 107 bytes whatever the home is, and elsewhere where the home cannot be written to (a container's read-only
    file system)."""
    wanted = root / "run" / f"{workers}.sock"
    if len(os.fsencode(wanted)) <= 100 and _can_be_made(wanted.parent):
        return wanted
    name = hashlib.blake2b(os.fsencode(wanted), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"modelyard-{os.getuid()}-{name}.sock"


def _can_be_made(folder: Path) -> bool:
    """Whether it is there or a folder above it may be written to."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(nearest, os.W_OK)
