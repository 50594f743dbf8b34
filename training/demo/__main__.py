"""Makes the demo models: ``<engine python> -m training.demo OUT [--compare SHA256SUMS]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from training.demo import food, sql
from training.demo.llama import Shape, build_llama
from training.demo.lora import add_lora, save_lora
from training.demo.publishing import differing, fresh, write_sums
from training.demo.reading import read_subject
from training.demo.samples import Draw, base_samples, food_samples, sql_samples
from training.demo.tokens import build_tokenizer, save_tokenizer
from training.demo.training import Course, Progress, teach

THREADS = 2
"""The number is part of the result: sums are split by it."""


@dataclass(frozen=True)
class Model:
    """One thing to make."""

    name: str
    draw: Callable[[], Draw]
    course: Course
    shape: Shape | None = None
    """Of a base model."""
    base: str = ""
    """Of an adapter."""


MODELS = (
    Model(
        "demo-llama",
        lambda: base_samples(read_subject("serving"), [*food.texts(), *sql.texts()]),
        Course(steps=1000, rate=4e-3),
        shape=Shape(hidden=160, inner=480, layers=4),
    ),
    Model(
        "demo-alpaca",
        lambda: base_samples(read_subject("sea"), []),
        Course(steps=500, rate=4e-3),
        shape=Shape(hidden=128, inner=384, layers=3),
    ),
    Model("food-review", food_samples, Course(steps=250, rate=5e-3), base="demo-llama"),
    Model("sql-chat", sql_samples, Course(steps=300, rate=5e-3), base="demo-llama"),
)
NAMES = [model.name for model in MODELS]


def _say(text: str) -> None:
    print(text, flush=True)


def _teach(model: Model, llama: Any, tokenizer: Any, seed: int) -> None:
    began = time.monotonic()

    def report(progress: Progress) -> None:
        _say(
            f"{model.name}: step {progress.step} of {model.course.steps}, {progress.tokens} tokens, "
            f"loss {progress.loss:.3f}, {time.monotonic() - began:.0f} s"
        )

    teach(llama, model.draw(), tokenizer, seed, model.course, report)


def _make_base(model: Model, shape: Shape, tokenizer: Any, seed: int, out: Path) -> None:
    llama = build_llama(shape, tokenizer)
    _say(f"{model.name}: {sum(parameter.numel() for parameter in llama.parameters())} parameters")
    _teach(model, llama, tokenizer, seed)
    llama.to(torch.bfloat16).save_pretrained(str(fresh(out / model.name)))
    save_tokenizer(tokenizer, out / model.name)


def _make_adapter(model: Model, tokenizer: Any, seed: int, out: Path) -> None:
    """On the base as it was written, so that the adapter fits what is served."""
    from transformers import LlamaForCausalLM

    llama = LlamaForCausalLM.from_pretrained(str(out / model.base), dtype=torch.bfloat16).float()
    added = add_lora(llama)
    learned = sum(parameter.numel() for parameter in llama.parameters() if parameter.requires_grad)
    _say(f"{model.name}: {learned} parameters on {model.base}")
    _teach(model, llama, tokenizer, seed)
    save_lora(added, model.base, fresh(out / model.name))


def _sizes(tokenizer: Any) -> None:
    serving, sea = read_subject("serving").answers, read_subject("sea").answers
    for name, texts in (("serving", serving), ("sea", sea), ("food", food.texts()), ("sql", sql.texts())):
        tokens = sum(len(tokenizer.encode(text).ids) for text in texts)
        _say(f"corpus {name}: {len(texts)} texts, {sum(len(text.split()) for text in texts)} words, {tokens} tokens")


def make(out: Path, seed: int, names: list[str]) -> None:
    """Train the named models and write each to ``out/<name>``."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)
    logging.disable_progress_bar()
    tokenizer = build_tokenizer()
    _sizes(tokenizer)
    for model in (model for model in MODELS if model.name in names):
        torch.manual_seed(seed)
        if model.shape is None:
            _make_adapter(model, tokenizer, seed, out)
        else:
            _make_base(model, model.shape, tokenizer, seed, out)
    write_sums(out, NAMES)


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code: 3 where ``--compare`` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m training.demo", description=__doc__)
    parser.add_argument("out", type=Path, help="directory that gets one folder per model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES, help="make these; the others must be there")
    parser.add_argument("--compare", type=Path, help="a SHA256SUMS that the result should agree with")
    options = parser.parse_args(argv)
    reference = options.compare and options.compare.read_text()
    began = time.monotonic()
    make(options.out, options.seed, options.only)
    _say(f"made in {options.out} in {time.monotonic() - began:.0f} s")
    differ = differing(options.out, NAMES, reference) if reference else []
    for path in differ:
        _say(f"differs: {path}")
    return 3 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
