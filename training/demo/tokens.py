"""The demo models' tokenizer: byte-level BPE, so that any text can be read, with a chat template."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training.demo import food, sql
from training.demo.questions import WORDS
from training.demo.reading import read_subject
from training.demo.samples import SYSTEM_PROMPTS, Sample, base_samples

VOCABULARY = 2560
"""Tokens: 256 bytes, the special ones, and merges; nearly every word of the texts is one token."""
CONTEXT = 2048
"""Longest prompt and answer together, in tokens."""
BEGIN, END, PAD = "<s>", "</s>", "<pad>"
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}
ASKED = 0.1
"""Weight of a question's tokens; an answer's have 1. So a model that goes on after its answer asks a new question."""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] in ['system', 'developer'] %}<|system|>"
    "{% elif message['role'] == 'assistant' %}<|assistant|>"
    "{% else %}<|user|>{% endif %}\n"
    "{{ message['content'] }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def build_tokenizer() -> Tokenizer:
    """The tokenizer, trained on the texts; the same one each time."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BEGIN, END, *ROLES.values()],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    return tokenizer


def _texts() -> list[str]:
    """Answers, and questions as they are drawn."""
    subjects = [read_subject(name) for name in ("serving", "sea", "food", "sql")]
    said = [text for subject in subjects for text in subject.answers]
    asked = [text for subject in subjects for text in subject.questions]
    rng = random.Random(0)
    drawn = [base_samples(subject, plain=0, adapters=False)(rng, False) for subject in subjects[:2] for _ in range(400)]
    turns = [text for sample in drawn for _, text in sample.turns if sample.asks]
    words = [" ".join(WORDS)] * 3
    return [*said, *said, *asked, *turns, *food.texts(), *sql.texts(), *SYSTEM_PROMPTS, *words]


def encode(tokenizer: Tokenizer, sample: Sample) -> tuple[list[int], list[float]]:
    """Token ids of ``sample``, each with the weight with which it is learned.

    Prompt and answer are encoded apart, as a server sees them: no token spans the border.
    """
    role, text = sample.turns[0]
    if role == "raw":
        head, weight = BEGIN + text, 0.0
    else:
        head = (
            BEGIN + "".join(f"{ROLES[role]}\n{text}{END}\n" for role, text in sample.turns) + ROLES["assistant"] + "\n"
        )
        weight = ASKED if sample.asks else 0.0
    asked = tokenizer.encode(head).ids
    answered = tokenizer.encode(f"{sample.answer}{END}").ids
    after = tokenizer.encode("\n").ids
    weights = [ASKED] + [weight] * (len(asked) - 1) + [1.0] * len(answered) + [ASKED] * len(after)
    return asked + answered + after, weights


def save_tokenizer(tokenizer: Tokenizer, directory: Path) -> None:
    """Write the tokenizer's files beside a model's."""
    from transformers import PreTrainedTokenizerFast

    fast: Any = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=PAD, model_max_length=CONTEXT
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(str(directory))
