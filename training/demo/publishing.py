"""Writes what was made, and tells whether it is what was made before."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

SUMS = "SHA256SUMS"


def fresh(directory: Path) -> Path:
    """An empty directory; what was there is removed."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def digests(out: Path, names: list[str]) -> dict[str, str]:
    """Path below ``out`` -> SHA-256 in hex, of every file of the named models."""
    paths = sorted(path for name in names for path in (out / name).rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}


def write_sums(out: Path, names: list[str]) -> None:
    """The list that ``sha256sum -c`` reads."""
    lines = (f"{digest}  {path}\n" for path, digest in digests(out, names).items())
    (out / SUMS).write_text("".join(lines))


def differing(out: Path, names: list[str], reference: str) -> list[str]:
    """Files that are not what ``reference``, a list of digests, says. Floating point differs between kinds of
    processors, so a rebuild has the same bytes only on the kind that made the list; texts and tokenizers always do."""
    known = {path: digest for digest, _, path in (line.partition("  ") for line in reference.splitlines())}
    made = digests(out, names)
    return sorted(path for path in known.keys() | made.keys() if known.get(path) != made.get(path))
