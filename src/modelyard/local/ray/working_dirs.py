"""Local folders that applications name as ``working_dir``, packed for Ray.

Serve takes a working directory only as an address of a zip file. A folder beside the manifest is packed into the
cluster's directory under a name that follows from its content, so that changed code is a changed configuration.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_BYTES = 512 * 1024 * 1024
"""What Ray itself takes at most."""
_LEFT_OUT = {"__pycache__", ".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
_TOP = "app"
"""Ray removes the one folder at the top of a zip file that was fetched."""
_FIELD = "working_dir"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def is_local(working_dir: str) -> bool:
    """Whether it is a folder of this machine, not an address that Ray fetches."""
    return "://" not in working_dir or working_dir.startswith("file://")


def local_folders(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Every ``working_dir`` of a Serve configuration that is a folder of this machine, as written."""
    return tuple(text for text in dict.fromkeys(_values_of(_FIELD, config)) if is_local(text))


def packed(folder: Path, into: Path) -> str:
    """The address of ``folder``'s content as a zip file in ``into``. Raises OSError, for people."""
    if not folder.is_dir():
        if folder.suffix == ".zip" and folder.is_file():
            return folder.absolute().as_uri()
        raise FileNotFoundError(f"working_dir {folder} is no folder; write it relative to the manifest's file")
    files = list(_files(folder))
    size = sum(path.stat().st_size for path in files)
    if size > MAX_BYTES:
        raise OSError(f"working_dir {folder} holds {size / 1e6:.0f} MB; Ray takes at most {MAX_BYTES / 1e6:.0f} MB")
    content = [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files]
    digest = hashlib.blake2b(digest_size=10)
    for name, data in content:
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    target = into / f"{folder.name}-{digest.hexdigest()}.zip"
    if not target.exists():
        _write(target, content)
    return target.absolute().as_uri()


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not _LEFT_OUT.intersection(path.relative_to(folder).parts)
    )


def _write(target: Path, content: list[tuple[str, bytes]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".new")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{_TOP}/", _EPOCH), b"")
        for name, data in content:
            archive.writestr(zipfile.ZipInfo(f"{_TOP}/{name}", _EPOCH), data)
    draft.replace(target)


def with_packed(config: Mapping[str, Any], folders: Mapping[str, str], into: Path) -> dict[str, Any]:
    """``config`` with every local ``working_dir`` packed. ``folders``: as written -> absolute. Raises OSError."""

    def walk(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {name: walk(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [walk(item) for item in value]
        if key == _FIELD and isinstance(value, str) and value in folders:
            return packed(Path(folders[value]), into)
        return value

    walked: dict[str, Any] = walk(config)
    return walked


def _values_of(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name == key and isinstance(item, str):
                yield item
            else:
                yield from _values_of(key, item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _values_of(key, item)
