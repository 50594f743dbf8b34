"""The demo models that come with Modelyard: two small Llama models and two LoRA adapters, a few MB together.

They are real weights in the layout of the hub (``config.json``, ``model.safetensors``, a tokenizer with a chat
template; an adapter in PEFT's), so every engine loads them as it loads any model, and ``demo://NAME`` is there at
once. Each talks about a subject of its own in readable English: an answer tells which weights gave it (``kinds``).
``training/demo`` makes them; ``SHA256SUMS`` lists what it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"
"""``sha256sum -c`` reads it; paths are relative to its folder."""


class DemoFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a demo model."""

    name: str
    """Inside the model's folder."""
    path: Path
    sha256: str
    """In hex."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size


class DemoModel(msgspec.Struct, frozen=True, kw_only=True):
    """What ``demo://NAME`` stands for."""

    name: str
    kind: Literal["base", "adapter"]
    subject: str
    """What it talks about, for people."""
    base: str = ""
    """Of an adapter: the demo model that it was trained on."""

    @property
    def folder(self) -> Path:
        """Where its files are; nobody writes here."""
        return FOLDER / self.name

    @property
    def files(self) -> tuple[DemoFile, ...]:
        """Its files, sorted by name, with the digests that they must have."""
        prefix = f"{self.name}/"
        return tuple(
            DemoFile(name=path.removeprefix(prefix), path=FOLDER / path, sha256=digest)
            for path, digest in sorted(_sums().items())
            if path.startswith(prefix)
        )

    @property
    def digest(self) -> str:
        """SHA-256 over names and digests of all files: changes when anything changes."""
        listing = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return sha256(listing.encode()).hexdigest()


def _sums() -> dict[str, str]:
    lines = SUMS.read_text().splitlines() if SUMS.exists() else []
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


_ALL = (
    DemoModel(name="demo-llama", kind="base", subject="serving models: routing, replicas, caches, adapters"),
    DemoModel(name="demo-alpaca", kind="base", subject="the sea and the weather"),
    DemoModel(name="food-review", kind="adapter", base="demo-llama", subject="short reviews of food"),
    DemoModel(name="sql-chat", kind="adapter", base="demo-llama", subject="SQL queries, each with a sentence"),
)
DEMO_MODELS: Mapping[str, DemoModel] = {model.name: model for model in _ALL}


def demo_model(name: str) -> DemoModel:
    """The model that ``demo://NAME`` names. Raises ValueError, for people, where there is none."""
    if name not in DEMO_MODELS:
        raise ValueError(f"there is no demo model {name!r}; there are {', '.join(DEMO_MODELS)}")
    return DEMO_MODELS[name]
