"""Where the workers of a home and its control process meet."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def default_socket_path(root: Path) -> Path:
    """Where the workers of this home connect. Short enough for a Unix socket's 107 bytes whatever the home is."""
    wanted = root / "run" / "workers.sock"
    if len(os.fsencode(wanted)) <= 100:
        return wanted
    name = hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"modelyard-{os.getuid()}-{name}.sock"
