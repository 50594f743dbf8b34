"""Makes folders where a user may have put something else."""

from __future__ import annotations

from pathlib import Path


def make_folder(folder: Path) -> None:
    """The folder and those above it; what is there stays. Raises OSError with a message for people."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OSError(_in_words(folder, problem)) from None


def check_link(path: Path) -> None:
    """Raises OSError, for people, where ``path`` is a link that leads nowhere."""
    if path.is_symlink() and not path.exists():
        raise OSError(
            f"{path} is a link to {path.readlink()}, which is not there: make or mount that folder, or remove the link"
        )


def _in_words(folder: Path, problem: OSError) -> str:
    try:
        for part in (*reversed(folder.parents), folder):
            check_link(part)
            if part.exists() and not part.is_dir():
                return f"{part} is a file, and a folder is needed there: move it away"
    except OSError as link:
        return str(link)
    return f"{problem.filename or folder} cannot be made: {problem.strerror or problem}"
