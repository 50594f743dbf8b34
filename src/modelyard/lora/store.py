"""Checked adapters on disk, one folder per content: ``<root>/<name>@<digest>/``.

An engine may read an adapter again at any time (vLLM does, after it dropped it from memory), so what it is given must
never change: each version is a copy of its own, named after its digest, published by a rename. The engine's own list
of models shows that path, from which a later process sees which version is loaded.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from modelyard.lora.adapter import FetchError, Stored
from modelyard.lora.adapter_config import MAX_HEADER, AdapterFacts, read_adapter, read_header

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MAX_BYTES = 4 * 1024**3
"""Largest adapter, bytes; most have a few hundred MB."""
MAX_CONFIG = 4 * 1024 * 1024
_UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Pickles run code when they are loaded; never copied, and an adapter that has nothing else is refused."""
_BESIDE = re.compile(r"(?:added_tokens|special_tokens_map|tokenizer|tokenizer_config)\.json|chat_template\.jinja")
"""Small files that belong to an adapter's tokenizer; older vLLM reads them."""
_CHUNK = 1 << 20


class AdapterStore:
    """The folder of all adapters that were checked. Blocking; call it in a thread."""

    def __init__(self, root: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.root, self._max_bytes = root, max_bytes

    def put(self, name: str, folder: Path, revision: str = "") -> Stored:
        """Check the adapter in ``folder`` and take a copy of it. Raises FetchError with what is wrong with it."""
        self.root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.root))
        try:
            return self._put(name, folder, draft, revision)
        except OSError as problem:
            raise FetchError(f"the adapter in {folder} cannot be copied to {self.root}: {problem}") from problem
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _put(self, name: str, folder: Path, draft: Path, revision: str) -> Stored:
        files = adapter_files(folder, self._max_bytes)
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.name}\0{_copy(file, draft / file.name, self._max_bytes)}\n".encode())
        hexdigest = digest.hexdigest()
        facts = read_facts(draft)
        place = self.root / f"{_safe(name)}@{hexdigest[:32]}"
        if not place.is_dir():
            try:
                draft.rename(place)
            except OSError:
                if not place.is_dir():  # else: another process has published the same content meanwhile
                    raise
        size = sum(entry.stat().st_size for entry in place.iterdir())
        return Stored(path=str(place), digest=hexdigest, facts=facts, size=size, revision=revision)


def adapter_files(folder: Path, max_bytes: int = MAX_BYTES) -> list[Path]:
    """The files of the adapter in ``folder``, by name. Raises FetchError where it is none, or not a safe one."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as problem:
        raise FetchError(f"{folder} cannot be read ({os.strerror(problem.errno or 0).lower()})") from problem
    names = {entry.name for entry in entries}
    if CONFIG not in names:
        raise FetchError(f"{folder} holds no {CONFIG}; a LoRA adapter in PEFT's format has one")
    if WEIGHTS not in names:
        pickles = sorted(name for name in names if name.endswith(_UNSAFE))
        hint = f"{pickles[0]} is not loaded, since a pickle can run code; convert it" if pickles else "save it"
        raise FetchError(f"{folder} holds no {WEIGHTS}; {hint} as safetensors (PEFT: save_pretrained)")
    files = [entry for entry in entries if entry.name in (CONFIG, WEIGHTS) or _BESIDE.fullmatch(entry.name)]
    for file in files:
        _check_place(file, folder)
    total = sum(file.stat().st_size for file in files)
    if total > max_bytes:
        raise FetchError(f"the adapter in {folder} has {total:,} bytes; at most {max_bytes:,} are taken")
    return files


def fingerprint(folder: Path) -> str:
    """Changes when a file of the adapter does; cheap. Empty: it cannot be read now."""
    parts = []
    try:
        for name in (CONFIG, WEIGHTS):
            found = (folder / name).stat()
            parts.append(f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}")
    except OSError:
        return ""
    return " ".join(parts)


def read_facts(folder: Path) -> AdapterFacts:
    """What the files of an adapter say. Raises FetchError where they are damaged."""
    weights = folder / WEIGHTS
    config = folder / CONFIG
    try:
        if config.stat().st_size > MAX_CONFIG:
            raise FetchError(f"{config} is larger than {MAX_CONFIG:,} bytes")
        size = weights.stat().st_size
        with weights.open("rb") as file:
            start = file.read(8)
            length = min(int.from_bytes(start, "little"), MAX_HEADER, size)
            header = read_header(start + file.read(length), size)
        return read_adapter(config.read_bytes(), header)
    except ValueError as problem:
        raise FetchError(f"the adapter is not usable: {problem}") from problem


def _check_place(file: Path, folder: Path) -> None:
    """No link may lead out of the adapter's folder, and nothing but plain files is read."""
    real = file.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise FetchError(f"{file} is a link that leaves its folder; give a folder that holds the files themselves")
    if not stat.S_ISREG(real.stat().st_mode):
        raise FetchError(f"{file} is not a plain file")


def _copy(source: Path, target: Path, max_bytes: int) -> str:
    """Copy and hash in one pass, so that what was hashed is what is kept; the sha256."""
    digest, copied = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            copied += len(chunk)
            if copied > max_bytes:
                raise FetchError(f"{source} grew beyond {max_bytes:,} bytes while it was copied")
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).strip(".")[:80] or "adapter"
