"""Makes the models: what each is, and the processes that train them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from training.demo import food, sql
from training.demo.llama import Shape, build_llama
from training.demo.lora import add_lora, save_lora
from training.demo.publishing import fresh, write_sums
from training.demo.reading import read_subject
from training.demo.samples import Draw, base_samples, food_samples, sql_samples
from training.demo.tokens import build_tokenizer, save_tokenizer
from training.demo.training import Course, Progress, teach

PROCESSES = 2


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


def _food() -> list[str]:
    return [*food.texts(), *read_subject("food").answers]


def _sql() -> list[str]:
    return [*sql.texts(), *read_subject("sql").answers]


MODELS = (
    Model(
        "demo-llama",
        lambda: base_samples(read_subject("serving"), plain=0.17, adapters=True),
        Course(steps=1100, rate=4e-3),
        shape=Shape(hidden=160, inner=480, layers=4),
    ),
    Model(
        "demo-alpaca",
        lambda: base_samples(read_subject("sea"), plain=0.06, adapters=False),
        Course(steps=550, rate=4e-3),
        shape=Shape(hidden=128, inner=384, layers=3),
    ),
    Model("food-review", food_samples, Course(steps=250, rate=5e-3), base="demo-llama"),
    Model("sql-chat", sql_samples, Course(steps=350, rate=5e-3), base="demo-llama"),
)
NAMES = [model.name for model in MODELS]


def say(text: str) -> None:
    """Tell it at once, also into a file."""
    print(text, flush=True)


def _teach(model: Model, llama: Any, tokenizer: Any, seed: int) -> None:
    began = time.monotonic()

    def report(progress: Progress) -> None:
        say(
            f"{model.name}: step {progress.step} of {model.course.steps}, {progress.tokens} tokens, "
            f"loss {progress.loss:.3f}, {time.monotonic() - began:.0f} s"
        )

    teach(llama, model.draw(), tokenizer, seed, model.course, report)


def _make_base(model: Model, shape: Shape, tokenizer: Any, seed: int, out: Path) -> None:
    llama = build_llama(shape, tokenizer)
    say(f"{model.name}: {sum(parameter.numel() for parameter in llama.parameters())} parameters")
    _teach(model, llama, tokenizer, seed)
    llama.to(torch.bfloat16).save_pretrained(str(fresh(out / model.name)))
    save_tokenizer(tokenizer, out / model.name)


def _make_adapter(model: Model, tokenizer: Any, seed: int, out: Path) -> None:
    """On the base as it was written, so that the adapter fits what is served."""
    from transformers import LlamaForCausalLM

    llama = LlamaForCausalLM.from_pretrained(str(out / model.base), dtype=torch.bfloat16).float()
    added = add_lora(llama)
    learned = sum(parameter.numel() for parameter in llama.parameters() if parameter.requires_grad)
    say(f"{model.name}: {learned} parameters on {model.base}")
    _teach(model, llama, tokenizer, seed)
    save_lora(added, model.base, fresh(out / model.name))


def _sizes(tokenizer: Any) -> None:
    serving, sea = read_subject("serving").answers, read_subject("sea").answers
    for name, texts in (("serving", serving), ("sea", sea), ("food", _food()), ("sql", _sql())):
        tokens = sum(len(tokenizer.encode(text).ids) for text in texts)
        say(f"corpus {name}: {len(texts)} texts, {sum(len(text.split()) for text in texts)} words, {tokens} tokens")


def _make_one(name: str, out: Path, seed: int) -> None:
    """Train one model and write it to ``out/<name>``, in a process of its own."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    model, tokenizer = next(model for model in MODELS if model.name == name), build_tokenizer()
    if model.shape is None:
        _make_adapter(model, tokenizer, seed, out)
    else:
        _make_base(model, model.shape, tokenizer, seed, out)


def make(out: Path, seed: int, names: list[str]) -> None:
    """Train the named models, first the bases and then the adapters, two at a time.

    Each has one thread: how sums are split is then the same on every machine, and cores that others use as well slow
    it down no more than by what they take.
    """
    _sizes(build_tokenizer())
    for wave in (True, False):
        wanted = [model.name for model in MODELS if model.name in names and (model.shape is not None) == wave]
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
            for done in [processes.submit(_make_one, name, out, seed) for name in wanted]:
                done.result()
    write_sums(out, NAMES)
