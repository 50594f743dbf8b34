"""The demo models' tokenizer: byte-level BPE, so that any text can be read, with a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from modelyard.local.demo_weights.corpus import Sample, texts

VOCABULARY = 640
"""Tokens: 256 bytes, the special ones, and merges; an answer takes about 30 of them."""
CONTEXT = 2048
"""Longest prompt and answer together, in tokens."""
BEGIN, END, PAD = "<s>", "</s>", "<pad>"
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] in ['system', 'developer'] %}<|system|>"
    "{% elif message['role'] == 'assistant' %}<|assistant|>"
    "{% else %}<|user|>{% endif %}"
    "{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tokenizer() -> Any:
    """The tokenizer, trained on the corpus; the same one each time."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BEGIN, END, *ROLES.values()],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=PAD, model_max_length=CONTEXT
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def encode(tokenizer: Any, sample: Sample) -> tuple[list[int], int]:
    """Token ids of ``sample``, and how many of them are the prompt.

    Prompt and answer are encoded apart, as a server sees them: no token spans the border.
    """
    if sample.turns[0][0] == "raw":
        prompt = sample.turns[0][1]
    else:
        prompt = BEGIN + "".join(ROLES[role] + text + END for role, text in sample.turns) + ROLES["assistant"]
    head = tokenizer.encode(prompt, add_special_tokens=False)
    return head + tokenizer.encode(sample.answer + END, add_special_tokens=False), len(head)


def save_tokenizer(tokenizer: Any, directory: Path) -> None:
    """Write the tokenizer's files beside a model's."""
    tokenizer.save_pretrained(str(directory))
