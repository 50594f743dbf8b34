"""What a fetch may take, and how."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MiB = 1 << 20
GiB = 1 << 30
TiB = 1 << 40

SAFETENSORS = ".safetensors"
TEXT_KINDS: Mapping[str, int] = {
    ".json": 256 * MiB,
    ".txt": 64 * MiB,
    ".model": 64 * MiB,
    ".tiktoken": 64 * MiB,
    ".spm": 64 * MiB,
    ".jinja": 4 * MiB,
}
"""Configuration and tokenizers: suffix -> the most bytes such a file may have (the largest tokenizers have 40 MB)."""
PICKLE_KINDS = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
"""Reading such a file can run code that is in it."""


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch may take, and how. The defaults are for whole models; :data:`ADAPTER_LIMITS` for LoRA adapters."""

    kinds: Mapping[str, int] = msgspec.field(default_factory=lambda: {SAFETENSORS: TiB, **TEXT_KINDS})
    """Kinds of files that are taken: suffix -> the most bytes that a file may have. Others are left where they are."""
    allow_pickle: bool = False
    """Take PyTorch's pickled files too where there are no safetensors. Loading such a file runs code that is in it."""
    max_size: int = 4 * TiB
    """The most bytes in all."""
    max_files: int = 2000
    """Most files; the largest models have some hundred."""
    keep_free: int = GiB
    """Bytes of the disk that stay free: a machine whose disk is full to the last byte does worse things than not
    to have a model."""
    contained: bool = False
    """Of a folder used in place: no link may lead out of it. (The hub's own cache is made of such links.)"""
    parallel: int = 4
    """Files fetched at the same time; one connection rarely fills a fast line."""
    timeout: float = 30.0
    """Seconds to connect, and the longest silence of a connection."""
    attempts: int = 6
    """Attempts in a row that may bring nothing before the fetch gives up; half a second before the second, doubled for
    each further one, some 15 s in all."""
    wait: float = 24 * 3600.0
    """Seconds to wait for another process that fetches the same weights."""


MODEL_LIMITS = FetchLimits()
"""Whole models."""
ADAPTER_LIMITS = FetchLimits(
    kinds={SAFETENSORS: 2 * GiB, **dict.fromkeys(TEXT_KINDS, 64 * MiB)},
    max_size=4 * GiB,
    max_files=100,
    contained=True,
)
"""LoRA adapters: safetensors only, a few hundred MB as a rule; nothing outside the folder."""
