"""Reads the shell scripts of Jobs that copy a folder: what is copied where, or what else the script does.

Nothing is executed. A script is understood whole or not at all: a line that is neither a copy nor preparation of one
ends the reading with its text.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Sequence

import msgspec

_PREPARATION = frozenset(
    {"apt-get", "apt", "apk", "pip", "pip3", "mkdir", "ls", "echo", "set", "sync", "du", "df", "date", "sleep", "exit"}
)
"""Commands that prepare a copy or show it; a copy made here needs none of them."""
_DEVICES = frozenset({"mount", "fuse2fs", "umount", "fusermount", "mkfs.ext4", "mkfs.ext3", "mkfs.xfs", "mkfs"})
"""Commands on block devices. A claim is a folder here, so nothing is formatted."""
_COPIES = (("cp",), ("rsync",), ("gsutil", "cp"), ("gcloud", "storage", "cp"), ("gsutil", "rsync"), ("aws", "s3", "cp"))


class CopyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One copy that a script asks for."""

    source: str
    target: str
    """The folder that holds the copy afterwards."""


class CopyScript(msgspec.Struct, frozen=True, kw_only=True):
    """A script, read."""

    copies: tuple[CopyOrder, ...] = ()
    devices: tuple[tuple[str, str], ...] = ()
    """(device path, folder where the script mounts it)."""
    other: str = ""
    """The first line that is something else; empty: the script only copies."""


def read_copy_script(text: str, folders: Iterable[str] = ()) -> CopyScript:
    """What a script copies. ``folders``: those that are there before it runs (mounts)."""
    copies: list[CopyOrder] = []
    devices: list[tuple[str, str]] = []
    made = {posixpath.normpath(folder) for folder in folders}
    for line in _commands(text):
        words = _words(line)
        if words is None:
            return CopyScript(other=line.strip())
        if not words:
            continue
        order = _copy(words, made)
        if order is not None:
            copies.append(order)
        elif words[0] in _DEVICES:
            mounted = _mounted(words)
            devices += mounted
            made.update(folder for _, folder in mounted)
        elif words[0] == "mkdir":
            made.update(posixpath.normpath(word) for word in words[1:] if not word.startswith("-"))
        elif words[0] not in _PREPARATION:
            return CopyScript(other=line.strip())
    return CopyScript(copies=tuple(copies), devices=tuple(devices))


def _commands(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    lines = (part for line in joined.splitlines() for both in line.split("&&") for part in both.split(";"))
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _words(line: str) -> list[str] | None:
    """None: it needs a shell that understands more than words."""
    if any(sign in line for sign in ("|", "`", "$(", "<", ">", "&", "{", "(", "if ", "for ", "while ")):
        return None
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return None


def _copy(words: Sequence[str], made: set[str]) -> CopyOrder | None:
    for command in _COPIES:
        rest = [word for word in words if not (command[0] == "gsutil" and word == "-m")]
        if tuple(rest[: len(command)]) != command:
            continue
        places = [word for word in rest[len(command) :] if not word.startswith("-")]
        if len(places) == 2:
            return _order(places[0], places[1], made, contents=command[-1] == "rsync")
    return None


def _order(source: str, target: str, made: set[str], *, contents: bool) -> CopyOrder:
    """As ``cp -r`` names things: into a folder that exists the source goes under its own name, ``x/*`` and ``x/.`` mean
    what is inside."""
    inside = contents or source.endswith(("/*", "/.", "/"))
    plain = source.removesuffix("/*").removesuffix("/.").rstrip("/")
    folder = posixpath.normpath(target) if "://" not in target else target.rstrip("/")
    if not inside and (target.endswith("/") or folder in made):
        folder = f"{folder}/{posixpath.basename(plain)}"
    return CopyOrder(source=plain, target=folder)


def _mounted(words: Sequence[str]) -> list[tuple[str, str]]:
    if words[0] not in ("mount", "fuse2fs"):
        return []
    paths = [word for word in words[1:] if word.startswith("/")]
    return [(paths[0], posixpath.normpath(paths[1]))] if len(paths) == 2 else []
