"""The adapters: LoRA on every linear layer of a base model, written in PEFT's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn import functional

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
RANK = 8
"""Of the two thin matrices of each layer; the largest that vLLM takes without a flag is 16."""
ALPHA = 16


class LoraLinear(torch.nn.Module):  # type: ignore[misc] # torch is not installed where types are checked
    """A frozen linear layer with a trained addition: ``W x + (alpha / rank) B A x``."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.lora_a = torch.nn.Parameter(torch.randn(RANK, inner.in_features) / inner.in_features**0.5)
        self.lora_b = torch.nn.Parameter(torch.zeros(inner.out_features, RANK))

    def forward(self, x: Any) -> Any:
        """The layer's output for ``x``."""
        return self.inner(x) + functional.linear(functional.linear(x, self.lora_a), self.lora_b) * (ALPHA / RANK)


def add_lora(llama: Any) -> dict[str, Any]:
    """Freeze ``llama`` and put an adapter on its linear layers; returns the new layers by the old layers' names."""
    llama.requires_grad_(False)
    added: dict[str, Any] = {}
    for name, module in list(llama.named_modules()):
        parent, _, leaf = name.rpartition(".")
        if leaf in TARGETS:
            added[name] = LoraLinear(module)
            setattr(llama.get_submodule(parent), leaf, added[name])
    return added


def save_lora(added: dict[str, Any], base: str, directory: Path) -> None:
    """Write the adapter's two files."""
    tensors: dict[str, Any] = {}
    for name, layer in added.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = layer.lora_a.detach().to(torch.bfloat16).contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = layer.lora_b.detach().to(torch.bfloat16).contiguous()
    save_file(tensors, str(directory / "adapter_model.safetensors"), metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(TARGETS),
        "inference_mode": True,
    }
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
