"""The base models: small Llamas, as transformers and vLLM know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM

from training.demo.tokens import BEGIN, CONTEXT, END, PAD

HEAD = 32
"""Size of an attention head; the smallest one that vLLM's attention on the CPU takes."""


@dataclass(frozen=True)
class Shape:
    """Width and depth of a base model."""

    hidden: int
    inner: int
    layers: int
    heads: int = 4


def build_llama(shape: Shape, tokenizer: Any) -> Any:
    """An untrained model; its weights are those of torch's seed."""
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=HEAD,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.token_to_id(BEGIN),
        eos_token_id=tokenizer.token_to_id(END),
        pad_token_id=tokenizer.token_to_id(PAD),
    )
    return LlamaForCausalLM(config)
