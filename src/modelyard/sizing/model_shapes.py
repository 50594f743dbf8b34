"""The sizes of a model: from its ``config.json``, from a table of well-known ones, or from the number in its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)[bB](?![A-Za-z0-9])")
"""``8B`` in ``meta-llama/Llama-3.1-8B-Instruct``, ``2b`` in ``google/gemma-2b-it``."""


class ModelShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's memory depends on."""

    parameters: float
    """Number of weights; 0 where only the KV cache's sizes are known."""
    layers: int = 0
    """0: unknown, and so is the size of the KV cache."""
    kv_heads: int = 0
    head_size: int = 0
    context: int = 0
    """Longest sequence in tokens (``max_position_embeddings``)."""
    source: str = ""
    """Where the numbers come from, for people."""

    def kv_bytes_per_token(self, element_bytes: float) -> float:
        """Keys and values of all layers; 0 where the shape is unknown. An upper bound for models with sliding
        windows."""
        return 2 * self.layers * self.kv_heads * self.head_size * element_bytes


def _known(parameters: float, layers: int, kv_heads: int, head_size: int, context: int) -> ModelShape:
    return ModelShape(
        parameters=parameters * 1e9,
        layers=layers,
        kv_heads=kv_heads,
        head_size=head_size,
        context=context,
        source="the model's published config",
    )


KNOWN_MODELS: Mapping[str, ModelShape] = {
    "google/gemma-2b": _known(2.51, 18, 1, 256, 8192),
    "google/gemma-2-9b": _known(9.24, 42, 8, 256, 8192),
    "google/gemma-2-27b": _known(27.2, 46, 16, 128, 8192),
    "google/gemma-3-1b": _known(1.0, 26, 1, 256, 32768),
    "google/gemma-3-4b": _known(4.3, 34, 4, 256, 131072),
    "meta-llama/Llama-3.2-1B": _known(1.24, 16, 8, 64, 131072),
    "meta-llama/Llama-3.2-3B": _known(3.21, 28, 8, 128, 131072),
    "meta-llama/Llama-3.1-8B": _known(8.03, 32, 8, 128, 131072),
    "meta-llama/Llama-3.1-70B": _known(70.6, 80, 8, 128, 131072),
    "meta-llama/Llama-3.3-70B": _known(70.6, 80, 8, 128, 131072),
    "meta-llama/Llama-3.1-405B": _known(405.9, 126, 8, 128, 131072),
    "Qwen/Qwen2.5-3B": _known(3.09, 36, 2, 128, 32768),
    "Qwen/Qwen2.5-7B": _known(7.62, 28, 4, 128, 32768),
    "mistralai/Mistral-7B-v0.3": _known(7.25, 32, 8, 128, 32768),
}
"""Base names on the hub; ``-it`` and ``-Instruct`` variants have the same shape. From each model's ``config.json``."""


def shape_of(model: str, config: Mapping[str, Any] | None = None, weights: int = 0) -> ModelShape | None:
    """The shape of ``model`` (a hub id, a served name, or a path that ends in one).

    ``config``: the content of its ``config.json`` where its files are here, and ``weights`` their bytes. None where
    nothing is known.
    """
    if config is not None:
        return from_config(config, weights)
    known = next((shape for name, shape in KNOWN_MODELS.items() if _names(model, name)), None)
    if known is not None:
        return known
    numbers = _SIZE.findall(model)
    if not numbers:
        return None
    return ModelShape(parameters=float(numbers[-1]) * 1e9, source=f"the size in its name, {numbers[-1]}B")


def _names(model: str, known: str) -> bool:
    """``/gcs/google/gemma-2-9b-it`` names ``google/gemma-2-9b``."""
    return re.search(rf"(^|/){re.escape(known)}(-it|-instruct|-Instruct)?(-v[\d.]+)?$", model) is not None


def from_config(config: Mapping[str, Any], weights: int = 0) -> ModelShape | None:
    """The shape that a Hugging Face ``config.json`` gives; ``weights``: bytes of the weight files. None where a number
    that is needed is missing or no number."""
    text = config.get("text_config")
    parts = text if isinstance(text, Mapping) else config
    layers, heads = _whole(parts, "num_hidden_layers"), _whole(parts, "num_attention_heads")
    hidden = _whole(parts, "hidden_size")
    if not (layers and heads and hidden):
        return None
    return ModelShape(
        parameters=weights / (element_bytes(str(parts.get("torch_dtype", parts.get("dtype", "")))) or 2),
        layers=layers,
        kv_heads=_whole(parts, "num_key_value_heads") or heads,
        head_size=_whole(parts, "head_dim") or hidden // heads,
        context=_whole(parts, "max_position_embeddings"),
        source="its config.json",
    )


def _whole(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0


def element_bytes(dtype: str) -> float:
    """Bytes of one number of ``dtype`` or under a quantization method; 0 for one that is not known."""
    for part, size in _ELEMENT_BYTES.items():
        if part in dtype.lower():
            return size
    return 0.0


_ELEMENT_BYTES = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "half": 2.0,
    "auto": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "w8a8": 1.0,
    "gptq": 0.6,
    "awq": 0.6,
    "int4": 0.6,
    "w4a16": 0.6,
    "bitsandbytes": 0.6,
    "fp4": 0.6,
}
"""4-bit methods keep scales and some layers whole: about 0.6 bytes per weight."""
