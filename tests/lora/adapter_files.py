"""Small adapters in PEFT's format, made byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 8,
    "lora_alpha": 16,
    "base_model_name_or_path": "org/llama",
    "target_modules": ["q_proj"],
}


def tensors(rank: int = 8, hidden: int = 64, layers: int = 2) -> dict[str, list[int]]:
    """Name -> shape."""
    found = {}
    for layer in range(layers):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        found[f"{name}.lora_A.weight"] = [rank, hidden]
        found[f"{name}.lora_B.weight"] = [hidden, rank]
    return found


def safetensors(shapes: dict[str, list[int]], fill: bytes = b"\0") -> bytes:
    """A file of F16 tensors."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * shape[1]
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + fill * end


def write_adapter(folder: Path, *, fill: bytes = b"\0", rank: int = 8, **config: Any) -> Path:
    """An adapter that can be loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, "r": rank, **config}))
    (folder / "adapter_model.safetensors").write_bytes(safetensors(tensors(rank), fill))
    return folder
