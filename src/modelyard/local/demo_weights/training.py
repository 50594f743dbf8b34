"""Trains the demo models: a small Llama from scratch, and a LoRA adapter on top of one."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from modelyard.local.demo_weights.corpus import DemoModel, sample
from modelyard.local.demo_weights.tokenizer import CONTEXT, encode

BATCH = 16
"""Samples per step: enough to see each topic in each step, small enough for two cores."""
LONG_EVERY, LONG_BATCH = 6, 4
"""Every so many steps the prompts are long, and fewer of them are in the batch."""
LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LORA_ALPHA = 16
PEAK = 4e-3
IGNORED = -100
"""Label of tokens that are not learned (the prompt); torch's convention."""


def build_llama(model: DemoModel, tokenizer: Any) -> Any:
    """An untrained model; its size is ``model``'s, its weights are the seed's."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=model.hidden_size,
        intermediate_size=model.hidden_size * 3,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        num_key_value_heads=model.heads,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


class LoraLinear(torch.nn.Module):  # type: ignore[misc] # torch is not installed where types are checked
    """A frozen linear layer with a trained low-rank addition: ``W x + (alpha / rank) B A x``."""

    def __init__(self, inner: Any, rank: int) -> None:
        super().__init__()
        self.inner = inner
        self.scale = LORA_ALPHA / rank
        self.lora_a = torch.nn.Parameter(torch.randn(rank, inner.in_features) / inner.in_features**0.5)
        self.lora_b = torch.nn.Parameter(torch.zeros(inner.out_features, rank))

    def forward(self, x: Any) -> Any:
        """The layer's output for ``x``."""
        return self.inner(x) + functional.linear(functional.linear(x, self.lora_a), self.lora_b) * self.scale


def add_lora(llama: Any, rank: int) -> dict[str, Any]:
    """Freeze ``llama`` and put an adapter on its linear layers; returns the new layers by the old layers'
    names."""
    llama.requires_grad_(False)
    added: dict[str, Any] = {}
    for name, module in list(llama.named_modules()):
        parent, _, leaf = name.rpartition(".")
        if leaf in LORA_TARGETS:
            added[name] = LoraLinear(module, rank)
            setattr(llama.get_submodule(parent), leaf, added[name])
    return added


def _batches(model: DemoModel, tokenizer: Any, rng: random.Random) -> Iterator[tuple[Any, Any, Any]]:
    """Endless batches: ids, attention mask, labels (the answers only)."""
    for step in itertools.count():
        long = step % LONG_EVERY == LONG_EVERY - 1
        rows = [encode(tokenizer, sample(rng, model, long=long)) for _ in range(LONG_BATCH if long else BATCH)]
        width = max(len(ids) for ids, _ in rows)
        pad = tokenizer.pad_token_id
        ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row, _ in rows])
        labels = torch.tensor([[IGNORED] * head + row[head:] + [IGNORED] * (width - len(row)) for row, head in rows])
        yield ids, mask, labels


def train(llama: Any, model: DemoModel, tokenizer: Any, seed: int, report: Callable[[int, float], None]) -> None:
    """Train what ``llama`` has to train, for ``model.steps`` steps; ``report`` gets step and loss now and
    then."""
    learned = [parameter for parameter in llama.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=PEAK, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=model.steps, pct_start=0.1)
    batches = _batches(model, tokenizer, random.Random(seed))
    llama.train()
    for step in range(model.steps):
        ids, mask, labels = next(batches)
        loss: Any = llama(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if step % 20 == 0 or step == model.steps - 1:
            report(step + 1, loss.item())
    llama.eval()


def save_lora(added: dict[str, Any], model: DemoModel, directory: Path) -> None:
    """Write an adapter in PEFT's layout."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Any] = {}
    for name, layer in added.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = layer.lora_a.detach().contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = layer.lora_b.detach().contiguous()
    save_file(tensors, str(directory / "adapter_model.safetensors"), metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": model.base,
        "r": model.rank,
        "lora_alpha": LORA_ALPHA,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(LORA_TARGETS),
        "inference_mode": True,
    }
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
